import { LRUCache } from 'lru-cache';

/** Lines with the same message that are logged in a window. */
const LIMIT = 10;
const WINDOW_MS = 10_000;
/** Messages that are counted at a time. */
const MAX_MESSAGES = 1000;

interface Window {
  count: number;
  /** In the time of `performance.now()`. */
  readonly endsAt: number;
}

/** Limits how often the same message is logged, so that it does not bury the others. */
export class LogDeduplicator {
  private readonly windows = new LRUCache<string, Window>({ max: MAX_MESSAGES });

  /**
   * Counts a message. Suppresses it from the 11th time in ten seconds.
   *
   * @param report called at the end of the window with the number of suppressed lines, when there are any.
   */
  shouldSuppress(message: string, report: (suppressed: number) => void): boolean {
    const now = performance.now();
    const window = this.windowOf(message, now);
    window.count += 1;
    if (window.count === LIMIT + 1) {
      setTimeout(() => {
        report(window.count - LIMIT);
      }, window.endsAt - now).unref();
    }
    return window.count > LIMIT;
  }

  private windowOf(message: string, now: number): Window {
    const current = this.windows.get(message);
    if (current !== undefined && now < current.endsAt) {
      return current;
    }
    const window = { count: 0, endsAt: now + WINDOW_MS };
    this.windows.set(message, window);
    return window;
  }
}
