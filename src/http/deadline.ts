/** A moment after which nobody waits any longer, in the process's own time. */
export class Deadline {
  private constructor(private readonly at: number) {}

  /** The moment that is this many milliseconds away. */
  static in(milliseconds: number): Deadline {
    return new Deadline(performance.now() + milliseconds);
  }

  /** Milliseconds left, 0 when it has passed. */
  get remaining(): number {
    return Math.max(0, this.at - performance.now());
  }

  /**
   * What a promise brings, if it does so in time.
   *
   * @throws what `late` makes, once the moment has passed. The promise goes on, unheard.
   */
  async limit<Value>(promise: Promise<Value>, late: () => Error): Promise<Value> {
    let timer: NodeJS.Timeout | undefined;
    const passed = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        reject(late());
      }, this.remaining);
    });
    try {
      return await Promise.race([promise, passed]);
    } finally {
      clearTimeout(timer);
    }
  }
}
