import { MAX_RETRY_AFTER_MS } from '../http/retry-after.js';
import { getWithTtl } from '../redis/get-with-ttl.js';
import type { RedisConnection } from '../redis/redis-connection.js';
import { PATIENTLY } from './token-store.js';

/** How long after the end of a pause the next strike still counts as one more. */
const REMEMBERED_MS = 60_000;
/** A key that is to live for longer is none of ours. */
const MAX_LIFE_MS = MAX_RETRY_AFTER_MS + REMEMBERED_MS;

/** Milliseconds of pause after the nth strike in a row. */
export type BackoffPolicy = (strikes: number) => number;

/**
 * For how long a partner is left alone, longer with every strike in a row, by all replicas: in Redis
 * stands the number of strikes, under a key that outlives the pause by {@link REMEMBERED_MS}. While Redis
 * does not answer, a process keeps to the pauses that it knows of.
 */
export class SharedBackoff {
  private strikes = 0;
  private until = -Infinity;

  constructor(
    private readonly redis: RedisConnection,
    private readonly key: string,
  ) {}

  /** Milliseconds that the pause still takes; 0 when there is none. */
  async remaining(): Promise<number> {
    const shared = await getWithTtl(this.redis, this.key, PATIENTLY);
    if (shared !== undefined) {
      const known = shared !== null && /^\d{1,9}$/.test(shared.value) && shared.life <= MAX_LIFE_MS;
      this.strikes = known ? Number(shared.value) : 0;
      this.until = known ? performance.now() + shared.life - REMEMBERED_MS : -Infinity;
    }
    return Math.max(0, this.until - performance.now());
  }

  /**
   * Counts a strike and begins the pause that it costs.
   *
   * @param leastMs what the partner itself asks for.
   */
  async strike(pauseAfter: BackoffPolicy, leastMs = 0): Promise<void> {
    await this.remaining();
    const now = performance.now();
    this.strikes = now < this.until + REMEMBERED_MS ? this.strikes + 1 : 1;
    const pause = Math.max(pauseAfter(this.strikes), leastMs);
    // A pause that is under way is not made shorter.
    this.until = Math.max(this.until, now + pause);
    const { strikes } = this;
    const life = Math.round(this.until - now) + REMEMBERED_MS;
    await this.redis.attempt((redis) => redis.set(this.key, strikes, 'PX', life), PATIENTLY);
  }

  /** Forgets the strikes: all is well again. */
  async clear(): Promise<void> {
    if (this.strikes > 0) {
      this.strikes = 0;
      this.until = -Infinity;
      await this.redis.attempt((redis) => redis.unlink(this.key), PATIENTLY);
    }
  }
}
