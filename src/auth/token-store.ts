import { compareAndDelete } from '../redis/compare-and-delete.js';
import { getWithLife } from '../redis/get-with-life.js';
import type { RedisConnection } from '../redis/redis-connection.js';

/** A token and the moment it is not used any more, in the process's own milliseconds. */
export interface Token {
  readonly value: string;
  readonly expiresAt: number;
}

/** The token that all replicas share, in Redis. Its life is told by Redis: no two clocks are compared. */
export class TokenStore {
  constructor(
    private readonly redis: RedisConnection,
    private readonly key: string,
  ) {}

  /** The shared token; undefined when there is none, or no Redis. */
  async get(): Promise<Token | undefined> {
    const now = performance.now();
    const shared = await getWithLife(this.redis, this.key);
    return shared && { value: shared.value, expiresAt: now + shared.life };
  }

  /** Shares a token for as long as it lives. */
  async put({ value, expiresAt }: Token): Promise<void> {
    const life = Math.floor(expiresAt - performance.now());
    if (life > 0) {
      await this.redis.attempt((redis) => redis.set(this.key, value, 'PX', life));
    }
  }

  /**
   * Takes this token back, unless another one is shared by now.
   *
   * @returns whether it did; `undefined` when Redis does not answer.
   */
  async drop(value: string): Promise<boolean | undefined> {
    return compareAndDelete(this.redis, this.key, value);
  }
}
