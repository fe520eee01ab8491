/** Interval at which the event loop delay is sampled while a timeout is pending, in milliseconds. */
const SAMPLE_MS = 10;
/** Delay of a sample from which the event loop counts as blocked, in milliseconds. */
const TOLERANCE_MS = 5;
/** Turns of the event loop between the end of a timeout and its callback. They read data that has arrived by then. */
const READ_TURNS = 2;

/**
 * A clock for the timeouts of dependencies that excludes the event loop delay: it stops while the event loop is blocked.
 * A response that arrives meanwhile waits in its socket, and must not count as late.
 */
export class LoopClock {
  private blockedMs = 0;
  private pending = 0;
  private sampler: NodeJS.Timeout | undefined;

  /**
   * Calls back after `milliseconds` on this clock, once everything that has arrived by then is read.
   *
   * @returns a function that cancels the callback.
   */
  after(milliseconds: number, callback: () => void): () => void {
    const startedAt = this.now();
    let timer: NodeJS.Timeout | undefined;
    let immediate: NodeJS.Immediate | undefined;
    const wait = (remaining: number): void => {
      timer = setTimeout(expire, remaining, READ_TURNS);
    };
    const expire = (turns: number): void => {
      immediate = setImmediate(() => {
        const remaining = startedAt + milliseconds - this.now();
        if (remaining >= 1) wait(remaining);
        else if (turns > 1) expire(turns - 1);
        else {
          cancel();
          callback();
        }
      });
    };
    let active = true;
    const cancel = (): void => {
      if (!active) return;
      active = false;
      this.pending -= 1;
      clearTimeout(timer);
      clearImmediate(immediate);
    };
    this.pending += 1;
    this.sample();
    wait(milliseconds);
    return cancel;
  }

  /**
   * Waits for a promise for at most `milliseconds` on this clock.
   *
   * @throws the error that `createError` returns when the promise takes longer. The promise continues, and its outcome
   * is ignored.
   */
  limit<Value>(
    promise: Promise<Value>,
    milliseconds: number,
    createError: () => Error,
  ): Promise<Value> {
    return new Promise((resolve, reject) => {
      const cancel = this.after(milliseconds, () => {
        reject(createError());
      });
      const settle =
        <Outcome>(settled: (outcome: Outcome) => void) =>
        (outcome: Outcome): void => {
          cancel();
          settled(outcome);
        };
      promise.then(settle(resolve), settle(reject));
    });
  }

  /**
   * Makes a call with a signal that aborts after `milliseconds` on this clock.
   *
   * @throws what the call throws. The reason of the signal is a DOMException named `TimeoutError`.
   */
  async withAbortSignal<Value>(
    milliseconds: number,
    call: (signal: AbortSignal) => Promise<Value>,
  ): Promise<Value> {
    const controller = new AbortController();
    const cancel = this.after(milliseconds, () => {
      controller.abort(new DOMException('no response in time', 'TimeoutError'));
    });
    try {
      return await call(controller.signal);
    } finally {
      cancel();
    }
  }

  /** Milliseconds on this clock. They are exact while a timeout is pending. */
  now(): number {
    return performance.now() - this.blockedMs;
  }

  /** Samples until no timeout is pending: one sampler is cheaper than one for each timeout. */
  private sample(): void {
    if (this.sampler !== undefined) return;
    const dueAt = performance.now() + SAMPLE_MS;
    this.sampler = setTimeout(() => {
      this.sampler = undefined;
      const delayMs = performance.now() - dueAt;
      if (delayMs > TOLERANCE_MS) this.blockedMs += delayMs;
      if (this.pending > 0) this.sample();
    }, SAMPLE_MS);
  }
}

/** The clock of this process's event loop. */
export const loopClock = new LoopClock();
