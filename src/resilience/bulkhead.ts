import type { Deadline } from './deadline.js';

/** Thrown at once: as many calls wait as may. */
export class BulkheadFullError extends Error {
  override readonly name = BulkheadFullError.name;
}

/** Thrown when the deadline of a call passes before its turn. */
export class BulkheadTimeoutError extends Error {
  override readonly name = BulkheadTimeoutError.name;
}

/**
 * Limits how many calls to a dependency run at a time and how many wait for their turn, so that a slow one takes up no
 * more of this process than that.
 *
 * @see Polly's and Hystrix' bulkheads
 */
export class Bulkhead {
  private running = 0;
  /** Starts each waiting call, the longest waiting first. */
  private readonly waiting = new Set<() => void>();

  constructor(
    private readonly capacity: number,
    private readonly queue: number,
  ) {}

  /** Whether a call would have to wait for its turn. */
  get isFull(): boolean {
    return this.running === this.capacity;
  }

  /** How many calls wait for their turn. */
  get waitingCount(): number {
    return this.waiting.size;
  }

  /**
   * Runs a call when its turn has come.
   *
   * @throws BulkheadFullError when the queue is full.
   * @throws BulkheadTimeoutError when the deadline passes first. The call is not made then.
   */
  run<Value>(deadline: Deadline, call: () => Promise<Value>): Promise<Value> {
    if (this.running < this.capacity) {
      this.running += 1;
      return this.make(call);
    }
    if (this.waiting.size >= this.queue) {
      return Promise.reject(new BulkheadFullError('Too many calls wait already.'));
    }
    return this.turn(deadline).then(() => this.make(call));
  }

  private turn(deadline: Deadline): Promise<void> {
    let start = (): void => undefined;
    const turn = new Promise<void>((resolve) => {
      start = resolve;
    });
    this.waiting.add(start);
    return deadline.limit(turn, () => {
      this.waiting.delete(start);
      return new BulkheadTimeoutError('The turn did not come in time.');
    });
  }

  private async make<Value>(call: () => Promise<Value>): Promise<Value> {
    try {
      return await call();
    } finally {
      this.leave();
    }
  }

  /** The place goes to the longest waiting call, so that no new one can take it first. */
  private leave(): void {
    const [next] = this.waiting;
    if (next === undefined) {
      this.running -= 1;
      return;
    }
    this.waiting.delete(next);
    next();
  }
}
