/** How often the clock is corrected while somebody uses it. */
const BEAT_MS = 10;
/** A beat that is later than this found the event loop blocked. */
const TOLERANCE_MS = 5;
/** Turns of the event loop that a timeout still waits for, so that whatever has arrived is read first. */
const TURNS = 2;

/**
 * A clock for timeouts of dependencies, in milliseconds. It stands still while the event loop is blocked: a reply that
 * arrives meanwhile waits in its socket, and is not late because this process was busy.
 */
export class LoopClock {
  private blockedMs = 0;
  private users = 0;
  private beat: NodeJS.Timeout | undefined;

  /**
   * Calls back after so many milliseconds on this clock, once everything that has arrived by then is read.
   *
   * @returns cancels it.
   */
  after(milliseconds: number, callback: () => void): () => void {
    const startedAt = this.now();
    let timer: NodeJS.Timeout | undefined;
    let immediate: NodeJS.Immediate | undefined;
    const wait = (remaining: number): void => {
      timer = setTimeout(read, remaining, TURNS);
    };
    const read = (turns: number): void => {
      immediate = setImmediate(() => {
        const remaining = startedAt + milliseconds - this.now();
        if (remaining >= 1) wait(remaining);
        else if (turns > 1) read(turns - 1);
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
      this.users -= 1;
      clearTimeout(timer);
      clearImmediate(immediate);
    };
    this.users += 1;
    this.start();
    wait(milliseconds);
    return cancel;
  }

  /**
   * The value of a promise, unless it takes longer on this clock.
   *
   * @throws the error that `late` makes. The promise goes on, and its outcome is ignored.
   */
  limit<Value>(promise: Promise<Value>, milliseconds: number, late: () => Error): Promise<Value> {
    return new Promise((resolve, reject) => {
      const cancel = this.after(milliseconds, () => {
        reject(late());
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
   * The value of a call whose signal aborts after so many milliseconds on this clock.
   *
   * @throws whatever the call throws; the signal's reason is a DOMException named `TimeoutError`.
   */
  async abort<Value>(
    milliseconds: number,
    call: (signal: AbortSignal) => Promise<Value>,
  ): Promise<Value> {
    const controller = new AbortController();
    const cancel = this.after(milliseconds, () => {
      controller.abort(new DOMException('The call timed out.', 'TimeoutError'));
    });
    try {
      return await call(controller.signal);
    } finally {
      cancel();
    }
  }

  /** Now on this clock, which starts where `performance.now()` does. Exact while somebody waits for it. */
  now(): number {
    return performance.now() - this.blockedMs;
  }

  /** Runs until a beat finds no user: starting and stopping with every user would cost more. */
  private start(): void {
    if (this.beat !== undefined) return;
    const dueAt = performance.now() + BEAT_MS;
    this.beat = setTimeout(() => {
      this.beat = undefined;
      const lateMs = performance.now() - dueAt;
      if (lateMs > TOLERANCE_MS) this.blockedMs += lateMs;
      if (this.users > 0) this.start();
    }, BEAT_MS);
  }
}

/** The clock of this process's event loop. */
export const loopClock = new LoopClock();
