import { isSheddingLoad } from '../resilience/admission-control.js';
import { arrivalTime } from './arrival-time.js';

/**
 * Milliseconds of each iteration of the event loop for starting requests while the process rejects some. Short, because
 * every step of an accepted request takes an iteration.
 */
const OVERLOADED_BUDGET_MS = 0.5;
/** A start takes at least a thirtieth of a millisecond. */
const STARTS_PER_MS = 30;

/**
 * Keeps iterations of the event loop short while the process rejects requests or accepts connections. Then an iteration
 * starts few requests, and the next ones start the rest in the order of arrival. So a burst of new requests delays
 * neither accepted requests nor new connections.
 */
export class StartQueue {
  private readonly waiting = new Set<() => void>();
  private draining = false;
  /** Iterations, this one included, in which another connection may wait to be accepted. */
  private connectingIterations = 0;

  /**
   * Limits an iteration to one start, until an iteration accepts no connection: libuv accepts one in each iteration, and
   * the others wait in the kernel.
   */
  recordConnection(): void {
    if (this.connectingIterations === 0) setImmediate(this.endIteration);
    this.connectingIterations = 2;
  }

  /** Calls `start` now or in a later iteration. */
  enter(start: () => void): void {
    if (this.waiting.size === 0 && this.hasTime()) {
      start();
      return;
    }
    this.waiting.add(start);
    this.drain();
  }

  private readonly endIteration = (): void => {
    this.connectingIterations -= 1;
    if (this.connectingIterations > 0) setImmediate(this.endIteration);
  };

  private hasTime(): boolean {
    if (this.connectingIterations > 0) return false;
    return !isSheddingLoad() || performance.now() - arrivalTime() < OVERLOADED_BUDGET_MS;
  }

  private drain(): void {
    if (this.draining) return;
    this.draining = true;
    const budgetMs = isSheddingLoad() ? OVERLOADED_BUDGET_MS : Infinity;
    const limit = this.connectingIterations > 0 ? 1 : budgetMs * STARTS_PER_MS;
    let endsAt: number | undefined;
    const next = (): void => {
      const now = performance.now();
      endsAt ??= now + budgetMs;
      const [start] = this.waiting;
      if (start !== undefined && now < endsAt) {
        this.waiting.delete(start);
        start();
      }
    };
    // One callback for each start: the promises of a request run before the next start, and count into the budget.
    const starts = Math.min(this.waiting.size, limit);
    for (let nth = 0; nth < starts; nth += 1) setImmediate(next);
    setImmediate(() => {
      this.draining = false;
      if (this.waiting.size > 0) this.drain();
    });
  }
}
