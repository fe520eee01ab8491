import { isSheddingLoad } from '../resilience/admission-control.js';
import { arrivalTime } from './arrival-time.js';

/**
 * Milliseconds of a turn of the event loop in which it starts requests while others are refused: each step of those that
 * were accepted takes a turn.
 */
const OVERLOADED_BUDGET_MS = 0.5;
/** No request starts in less than a thirtieth of a millisecond. */
const STARTS_PER_MS = 30;

/**
 * Keeps the turns of the event loop short while requests are refused or clients connect, so that many new requests hold
 * up neither those that run nor the clients that are not connected yet. A turn then starts few requests. The rest start
 * in the next turns, in the order of arrival.
 */
export class StartQueue {
  private readonly waiting = new Set<() => void>();
  private draining = false;
  /** Turns, this one included, in which another client may wait to be accepted. */
  private connectingTurns = 0;

  /**
   * Has a turn start one request only until the next turn has accepted no connection: libuv accepts one a turn, and the
   * others wait in the kernel.
   */
  recordConnection(): void {
    if (this.connectingTurns === 0) setImmediate(this.endTurn);
    this.connectingTurns = 2;
  }

  /** Calls `start` now, or in one of the next turns. */
  enter(start: () => void): void {
    if (this.waiting.size === 0 && this.hasTime()) {
      start();
      return;
    }
    this.waiting.add(start);
    this.drain();
  }

  private readonly endTurn = (): void => {
    this.connectingTurns -= 1;
    if (this.connectingTurns > 0) setImmediate(this.endTurn);
  };

  private hasTime(): boolean {
    if (this.connectingTurns > 0) return false;
    return !isSheddingLoad() || performance.now() - arrivalTime() < OVERLOADED_BUDGET_MS;
  }

  private drain(): void {
    if (this.draining) return;
    this.draining = true;
    const budgetMs = isSheddingLoad() ? OVERLOADED_BUDGET_MS : Infinity;
    const most = this.connectingTurns > 0 ? 1 : budgetMs * STARTS_PER_MS;
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
    const starts = Math.min(this.waiting.size, most);
    for (let nth = 0; nth < starts; nth += 1) setImmediate(next);
    setImmediate(() => {
      this.draining = false;
      if (this.waiting.size > 0) this.drain();
    });
  }
}
