import { getWithLife } from '../redis/get-with-life.js';
import type { RedisConnection } from '../redis/redis-connection.js';

/** How long after the end of a pause the next strike still counts as one more. */
const REMEMBERED_MS = 60_000;

/** Milliseconds of pause after the nth strike. */
export type Pause = (strikes: number) => number;

/**
 * For how long a partner is left alone, longer with every strike, by all replicas: in Redis stands the
 * number of strikes, under a key that outlives the pause by {@link REMEMBERED_MS}. Without Redis a process
 * keeps to the pauses of its own.
 */
export class HoldOff {
  private strikes = 0;
  private until = -Infinity;

  constructor(
    private readonly redis: RedisConnection,
    private readonly key: string,
  ) {}

  /** Milliseconds that the pause still takes; 0 when there is none. */
  async remaining(): Promise<number> {
    const shared = await getWithLife(this.redis, this.key);
    const until = performance.now() + (shared?.life ?? 0) - REMEMBERED_MS;
    if (shared !== undefined && until > this.until && /^\d{1,9}$/.test(shared.value)) {
      this.strikes = Number(shared.value);
      this.until = until;
    }
    return Math.max(0, this.until - performance.now());
  }

  /**
   * Counts a strike and begins the pause that it costs.
   *
   * @param leastMs what the partner itself asks for.
   */
  async strike(pauseAfter: Pause, leastMs = 0): Promise<void> {
    await this.remaining();
    const now = performance.now();
    this.strikes = now < this.until + REMEMBERED_MS ? this.strikes + 1 : 1;
    const pause = Math.ceil(Math.max(pauseAfter(this.strikes), leastMs));
    this.until = now + pause;
    const { strikes } = this;
    await this.redis.attempt((redis) => redis.set(this.key, strikes, 'PX', pause + REMEMBERED_MS));
  }
}
