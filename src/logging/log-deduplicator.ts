import { LRUCache } from 'lru-cache';

/** How often a message is said within the window. */
const SAID = 10;
const WINDOW_MS = 10_000;
/** Messages that are counted at a time. */
const MESSAGES = 1000;

/** A message in its window. */
interface Count {
  times: number;
  /** In the process's own time. */
  readonly endsAt: number;
}

/** Keeps one message that comes again and again from drowning the others. */
export class LogDeduplicator {
  private readonly counts = new LRUCache<string, Count>({ max: MESSAGES });

  /**
   * Whether a message is to be kept back: it was said ten times within the last ten seconds.
   *
   * @param tell is told, at the end of the window, how often it was kept back.
   */
  keepsBack(message: string, tell: (times: number) => void): boolean {
    const now = performance.now();
    const count = this.counted(message, now);
    count.times += 1;
    if (count.times === SAID + 1) {
      setTimeout(() => {
        tell(count.times - SAID);
      }, count.endsAt - now).unref();
    }
    return count.times > SAID;
  }

  private counted(message: string, now: number): Count {
    const known = this.counts.get(message);
    if (known !== undefined && now < known.endsAt) {
      return known;
    }
    const count = { times: 0, endsAt: now + WINDOW_MS };
    this.counts.set(message, count);
    return count;
  }
}
