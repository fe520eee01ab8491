import { MAX_RETRY_AFTER_MS } from '../http/retry-after.js';
import { getWithTtl } from '../redis/get-with-ttl.js';
import type { RedisConnection } from '../redis/redis-connection.js';
import { type BackoffOptions, exponentialBackoff } from '../resilience/exponential-backoff.js';
import { PATIENT_COMMAND } from './token-store.js';

/** How long after a backoff the next failure still counts as consecutive, in milliseconds. */
const RESET_MS = 60_000;
/** A key in Redis with a longer lifetime is not from this service. */
const MAX_TTL_MS = MAX_RETRY_AFTER_MS + RESET_MS;

/**
 * An exponential backoff that all replicas share: after a failure, none of them calls the partner until the backoff has
 * passed. Redis has the number of consecutive failures, in a key that expires {@link RESET_MS} after the backoff. While
 * Redis does not answer, each process uses the backoff that it knows.
 */
export class SharedBackoff {
  private failures = 0;
  private until = -Infinity;

  constructor(
    private readonly redis: RedisConnection,
    private readonly key: string,
  ) {}

  /** Milliseconds until the partner may be called; 0 without a backoff. */
  async remaining(): Promise<number> {
    const shared = await getWithTtl(this.redis, this.key, PATIENT_COMMAND);
    if (shared !== undefined) {
      const valid = shared !== null && /^\d{1,9}$/.test(shared.value) && shared.ttlMs <= MAX_TTL_MS;
      this.failures = valid ? Number(shared.value) : 0;
      this.until = valid ? performance.now() + shared.ttlMs - RESET_MS : -Infinity;
    }
    return Math.max(0, this.until - performance.now());
  }

  /**
   * Counts a failure and starts its backoff.
   *
   * @param retryAfterMs minimum backoff that the partner requests.
   */
  async recordFailure(options: BackoffOptions, retryAfterMs = 0): Promise<void> {
    await this.remaining();
    const now = performance.now();
    this.failures = now < this.until + RESET_MS ? this.failures + 1 : 1;
    const delay = Math.max(exponentialBackoff(this.failures, options), retryAfterMs);
    // Does not shorten the backoff of another failure.
    this.until = Math.max(this.until, now + delay);
    const { failures } = this;
    const ttl = Math.round(this.until - now) + RESET_MS;
    await this.redis.attempt((redis) => redis.set(this.key, failures, 'PX', ttl), PATIENT_COMMAND);
  }

  /** Resets the backoff after a success. */
  async clear(): Promise<void> {
    if (this.failures > 0) {
      this.failures = 0;
      this.until = -Infinity;
      await this.redis.attempt((redis) => redis.unlink(this.key), PATIENT_COMMAND);
    }
  }
}
