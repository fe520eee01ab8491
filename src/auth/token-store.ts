import { compareAndDelete } from '../redis/compare-and-delete.js';
import { getWithTtl } from '../redis/get-with-ttl.js';
import type { CommandOptions, RedisConnection } from '../redis/redis-connection.js';
import { isBearerToken } from './bearer-token.js';
import { GRANT_TIMEOUT_MS, MAX_LIFETIME_S } from './client-credentials-grant.js';

/** A token and the moment it is not used any more, in the process's own milliseconds. */
export interface Token {
  readonly value: string;
  readonly expiresAt: number;
}

/** A token request is worth waiting for Redis: without it, every replica sends one of its own. */
export const PATIENTLY: CommandOptions = { timeoutMs: GRANT_TIMEOUT_MS, patient: true };
/** However long Redis says. */
const MAX_LIFE_MS = MAX_LIFETIME_S * 1000;

/** The token that all replicas share, in Redis. Its life is told by Redis: no two clocks are compared. */
export class TokenStore {
  constructor(
    private readonly redis: RedisConnection,
    private readonly key: string,
  ) {}

  /** The shared token; undefined when there is none, or no Redis. */
  async get(): Promise<Token | undefined> {
    const now = performance.now();
    const shared = await getWithTtl(this.redis, this.key, PATIENTLY);
    return shared && isBearerToken(shared.value)
      ? { value: shared.value, expiresAt: now + Math.min(shared.life, MAX_LIFE_MS) }
      : undefined;
  }

  /** Shares a token for as long as it lives. */
  async put({ value, expiresAt }: Token): Promise<void> {
    const life = Math.floor(expiresAt - performance.now());
    if (life > 0) {
      await this.redis.attempt((redis) => redis.set(this.key, value, 'PX', life), PATIENTLY);
    }
  }

  /** Takes this token back, unless another one is shared by now. */
  async drop(value: string): Promise<void> {
    await compareAndDelete(this.redis, this.key, value, PATIENTLY);
  }
}
