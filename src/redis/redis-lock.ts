import { Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';

import { compareAndDelete } from './compare-and-delete.js';
import { type CommandOptions, RedisConnection } from './redis-connection.js';

/** The outcome of asking for a lock. */
export type Lock =
  | { readonly state: 'acquired'; release(): Promise<void> }
  | { readonly state: 'contended' }
  | { readonly state: 'unavailable' };

/**
 * A lock that several processes share, for work that is better not done twice. It expires by itself,
 * so a dead owner blocks nobody; it does not protect what must never happen twice.
 *
 * @see https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/ (single instance)
 */
@Injectable()
export class RedisLock {
  constructor(private readonly redis: RedisConnection) {}

  /**
   * Takes the lock if it is free, for at most `ttlMs` milliseconds. Never waits for another owner. `options` hold for
   * its release as well.
   */
  async acquire(key: string, ttlMs: number, options?: CommandOptions): Promise<Lock> {
    const owner = randomUUID();
    const answer = await this.redis.attempt(
      (redis) => redis.set(key, owner, 'PX', ttlMs, 'NX'),
      options,
    );
    if (answer === undefined) {
      return { state: 'unavailable' };
    }
    if (answer === null) {
      return { state: 'contended' };
    }
    return {
      state: 'acquired',
      release: async () => {
        await compareAndDelete(this.redis, key, owner, options);
      },
    };
  }
}
