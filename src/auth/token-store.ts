import { compareAndDelete } from '../redis/compare-and-delete.js';
import { getWithTtl } from '../redis/get-with-ttl.js';
import type { CommandOptions, RedisConnection } from '../redis/redis-connection.js';
import { isBearerToken } from './bearer-token.js';
import { GRANT_TIMEOUT_MS, MAX_LIFETIME_S } from './client-credentials-grant.js';

/** An access token. */
export interface Token {
  readonly value: string;
  /** When this service stops using it, in the time of `performance.now()`. */
  readonly expiresAt: number;
}

/** Waits for a slow Redis: without Redis, every replica would request a token of its own. */
export const PATIENT_COMMAND: CommandOptions = { timeoutMs: GRANT_TIMEOUT_MS, patient: true };
/** Limits the lifetime that Redis returns. */
const MAX_TTL_MS = MAX_LIFETIME_S * 1000;

/** The token that all replicas share in Redis. Redis counts its lifetime, so that clock skew does not matter. */
export class TokenStore {
  constructor(
    private readonly redis: RedisConnection,
    private readonly key: string,
  ) {}

  /** The shared token; undefined without one, or without Redis. */
  async get(): Promise<Token | undefined> {
    const now = performance.now();
    const shared = await getWithTtl(this.redis, this.key, PATIENT_COMMAND);
    return shared && isBearerToken(shared.value)
      ? { value: shared.value, expiresAt: now + Math.min(shared.ttlMs, MAX_TTL_MS) }
      : undefined;
  }

  /** Stores a token until it expires. */
  async set({ value, expiresAt }: Token): Promise<void> {
    const ttl = Math.floor(expiresAt - performance.now());
    if (ttl > 0) {
      await this.redis.attempt((redis) => redis.set(this.key, value, 'PX', ttl), PATIENT_COMMAND);
    }
  }

  /** Deletes this token, but not another one that has replaced it. */
  async delete(value: string): Promise<void> {
    await compareAndDelete(this.redis, this.key, value, PATIENT_COMMAND);
  }
}
