import type { Deadline } from './deadline.js';

/** Thrown at once when the queue is full. */
export class BulkheadFullError extends Error {
  override readonly name = BulkheadFullError.name;
}

/** Thrown when a call is still queued at its deadline. */
export class BulkheadTimeoutError extends Error {
  override readonly name = BulkheadTimeoutError.name;
}

/**
 * Limits the concurrent calls to a dependency and the queue in front of it, so that a slow dependency occupies a bounded
 * part of this process.
 *
 * @see https://learn.microsoft.com/azure/architecture/patterns/bulkhead
 */
export class Bulkhead {
  private running = 0;
  /** Starts of the queued calls, in the order of arrival. */
  private readonly queue = new Set<() => void>();

  /**
   * @param maxConcurrent calls that run at a time.
   * @param maxQueued calls that wait for one of them to end.
   */
  constructor(
    private readonly maxConcurrent: number,
    private readonly maxQueued: number,
  ) {}

  /** Whether the next call has to wait. */
  get isFull(): boolean {
    return this.running === this.maxConcurrent;
  }

  /** How many calls wait. */
  get waitingCount(): number {
    return this.queue.size;
  }

  /**
   * Runs a call as soon as fewer than `maxConcurrent` calls run.
   *
   * @throws BulkheadFullError when the queue is full.
   * @throws BulkheadTimeoutError when the call is still queued at the deadline. The call is not made.
   */
  run<Value>(deadline: Deadline, call: () => Promise<Value>): Promise<Value> {
    if (this.running < this.maxConcurrent) {
      this.running += 1;
      return this.runInSlot(call);
    }
    if (this.queue.size >= this.maxQueued) {
      return Promise.reject(new BulkheadFullError('The queue is full.'));
    }
    return this.waitForSlot(deadline).then(() => this.runInSlot(call));
  }

  private waitForSlot(deadline: Deadline): Promise<void> {
    let start = (): void => undefined;
    const started = new Promise<void>((resolve) => {
      start = resolve;
    });
    this.queue.add(start);
    return deadline.limit(started, () => {
      this.queue.delete(start);
      return new BulkheadTimeoutError('The call was queued until its deadline.');
    });
  }

  private async runInSlot<Value>(call: () => Promise<Value>): Promise<Value> {
    try {
      return await call();
    } finally {
      this.releaseSlot();
    }
  }

  /** Passes the slot to the oldest queued call, so that no new call can overtake it. */
  private releaseSlot(): void {
    const [next] = this.queue;
    if (next === undefined) {
      this.running -= 1;
      return;
    }
    this.queue.delete(next);
    next();
  }
}
