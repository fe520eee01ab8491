/** A moment after which a caller waits no longer, in the time of `performance.now()`. */
export class Deadline {
  private constructor(private readonly at: number) {}

  /** The moment that is so many milliseconds from now. */
  static in(milliseconds: number): Deadline {
    return new Deadline(performance.now() + milliseconds);
  }

  /** The moment that is so many milliseconds after another one, such as the arrival of a request. */
  static after(moment: number, milliseconds: number): Deadline {
    return new Deadline(moment + milliseconds);
  }

  /** Milliseconds left, 0 when it has passed. */
  get remaining(): number {
    return Math.max(0, this.at - performance.now());
  }

  /**
   * The value of a promise, unless the moment passes first and everything that has arrived by then is read.
   *
   * @throws the error that `late` makes. The promise goes on, and its outcome is ignored.
   */
  async limit<Value>(promise: Promise<Value>, late: () => Error): Promise<Value> {
    let timer: NodeJS.Timeout | undefined;
    let immediate: NodeJS.Immediate | undefined;
    const passed = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        immediate = setImmediate(() => {
          reject(late());
        });
      }, this.remaining);
    });
    try {
      return await Promise.race([promise, passed]);
    } finally {
      clearTimeout(timer);
      clearImmediate(immediate);
    }
  }
}
