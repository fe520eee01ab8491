import { arrivalTime } from './arrival.js';

/** Milliseconds of a turn of the event loop in which it starts requests. */
const BUDGET_MS = 2;
/** Requests that wait and are started in a turn at most, however fast. */
const BATCH = 64;

/**
 * Keeps new requests from holding up those that run. Every step of a running request takes a turn of the event loop,
 * so a turn starts new requests for a short time only. The rest start in the next turns, in the order of arrival.
 */
export class StartQueue {
  private readonly waiting = new Set<() => void>();
  private draining = false;

  /** Calls `start` now, or in one of the next turns. */
  enter(start: () => void): void {
    if (this.waiting.size === 0 && performance.now() - arrivalTime() < BUDGET_MS) {
      start();
      return;
    }
    this.waiting.add(start);
    this.drain();
  }

  private drain(): void {
    if (this.draining) return;
    this.draining = true;
    let startedAt: number | undefined;
    const next = (): void => {
      startedAt ??= performance.now();
      const [start] = this.waiting;
      if (start !== undefined && performance.now() - startedAt < BUDGET_MS) {
        this.waiting.delete(start);
        start();
      }
    };
    // A callback for each: the promises of a request run before the next one, and so count into the time.
    for (let nth = Math.min(BATCH, this.waiting.size); nth > 0; nth -= 1) setImmediate(next);
    setImmediate(() => {
      this.draining = false;
      if (this.waiting.size > 0) this.drain();
    });
  }
}
