/** A moment in the time of `performance.now()` at which a caller stops waiting. */
export class Deadline {
  private constructor(private readonly at: number) {}

  /** The deadline `milliseconds` from now. */
  static in(milliseconds: number): Deadline {
    return new Deadline(performance.now() + milliseconds);
  }

  /** The deadline `milliseconds` after a moment, such as the arrival of a request. */
  static after(moment: number, milliseconds: number): Deadline {
    return new Deadline(moment + milliseconds);
  }

  /** Milliseconds until the deadline; 0 after it. */
  get remaining(): number {
    return Math.max(0, this.at - performance.now());
  }

  /**
   * Waits for a promise until the deadline. Data that has arrived by then is still read.
   *
   * @throws the error that `createError` returns when the deadline passes first. The promise continues, and its outcome
   * is ignored.
   */
  async limit<Value>(promise: Promise<Value>, createError: () => Error): Promise<Value> {
    let timer: NodeJS.Timeout | undefined;
    let immediate: NodeJS.Immediate | undefined;
    const passed = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        // After the poll phase of the event loop, which reads the sockets.
        immediate = setImmediate(() => {
          reject(createError());
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
