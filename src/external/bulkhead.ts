import type { Deadline } from '../http/deadline.js';

/** Thrown instead of waiting: there are too many already, or the turn did not come in time. */
export class BulkheadFullError extends Error {
  override readonly name = BulkheadFullError.name;
}

/**
 * Lets so many calls in at a time and so many more wait for their turn, so that a partner that is slow
 * takes up no more of this process than that.
 *
 * @see Polly's and Hystrix' bulkheads
 */
export class Bulkhead {
  private inside = 0;
  /** Whoever waits, the longest first; each is let in by being called. */
  private readonly waiting = new Set<() => void>();

  constructor(
    private readonly capacity: number,
    private readonly queue: number,
  ) {}

  /**
   * Runs a call when its turn has come.
   *
   * @throws BulkheadFullError when the queue is full or the deadline passes first.
   */
  async run<Value>(deadline: Deadline, call: () => Promise<Value>): Promise<Value> {
    await this.enter(deadline);
    try {
      return await call();
    } finally {
      this.leave();
    }
  }

  private async enter(deadline: Deadline): Promise<void> {
    if (this.inside < this.capacity) {
      this.inside += 1;
      return;
    }
    if (this.waiting.size >= this.queue) {
      throw new BulkheadFullError('Too many calls wait already.');
    }
    let letIn = (): void => undefined;
    const turn = new Promise<void>((resolve) => {
      letIn = resolve;
    });
    this.waiting.add(letIn);
    await deadline.limit(turn, () => {
      this.waiting.delete(letIn);
      return new BulkheadFullError('The turn did not come in time.');
    });
  }

  /** The place goes to whoever waits longest; nobody can slip in between. */
  private leave(): void {
    const [next] = this.waiting;
    if (next === undefined) {
      this.inside -= 1;
      return;
    }
    this.waiting.delete(next);
    next();
  }
}
