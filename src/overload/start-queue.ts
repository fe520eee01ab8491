import { refusesRequests } from './admission.js';
import { arrivalTime } from './arrival.js';

/**
 * Milliseconds of a turn of the event loop in which it starts requests while others are refused: each step of those that
 * were accepted takes a turn.
 */
const OVERLOADED_BUDGET_MS = 2;
/** The same while clients connect: libuv accepts one connection a turn, and the others wait in the kernel. */
const CONNECTING_BUDGET_MS = 0.25;
/** How long a connection counts as the latest of several, milliseconds. */
const CONNECTING_MS = 50;
/** No request starts in less than a thirtieth of a millisecond. */
const STARTS_PER_MS = 30;

/**
 * Keeps the turns of the event loop short while requests are refused or clients connect, so that many new requests hold
 * up neither those that run nor the clients that are not connected yet. A turn then starts requests for a limited time.
 * The rest start in the next turns, in the order of arrival.
 */
export class StartQueue {
  private readonly waiting = new Set<() => void>();
  private draining = false;
  private connectedAt = -Infinity;

  /** Keeps the next turns short, because further clients may wait to be accepted. */
  recordConnection(): void {
    this.connectedAt = performance.now();
  }

  /** Calls `start` now, or in one of the next turns. */
  enter(start: () => void): void {
    const now = performance.now();
    if (this.waiting.size === 0 && now - arrivalTime() < this.budgetMs(now)) {
      start();
      return;
    }
    this.waiting.add(start);
    this.drain();
  }

  private budgetMs(now: number): number {
    if (now - this.connectedAt < CONNECTING_MS) return CONNECTING_BUDGET_MS;
    return refusesRequests() ? OVERLOADED_BUDGET_MS : Infinity;
  }

  private drain(): void {
    if (this.draining) return;
    this.draining = true;
    const budgetMs = this.budgetMs(performance.now());
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
    // A callback for each: the promises of a request run before the next one, and so count into the time.
    const starts = Math.min(this.waiting.size, Math.ceil(budgetMs * STARTS_PER_MS));
    for (let nth = 0; nth < starts; nth += 1) setImmediate(next);
    setImmediate(() => {
      this.draining = false;
      if (this.waiting.size > 0) this.drain();
    });
  }
}
