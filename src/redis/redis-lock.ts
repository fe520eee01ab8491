import { Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';

import { compareAndDelete } from './compare-and-delete.js';
import { type CommandOptions, RedisConnection } from './redis-connection.js';

/** The result of an attempt to acquire a lock. `unavailable`: Redis gave no reply. */
export type Lock =
  | { readonly state: 'acquired'; release(): Promise<void> }
  | { readonly state: 'contended' }
  | { readonly state: 'unavailable' };

/**
 * A lock shared by all replicas, for work that should not be done twice. It expires, so a dead owner blocks nobody.
 * The lock cannot guarantee that the work is done only once.
 *
 * @see https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/ (single instance)
 */
@Injectable()
export class RedisLock {
  constructor(private readonly redis: RedisConnection) {}

  /**
   * Acquires the lock if it is free. Never waits for another owner.
   *
   * @param ttlMs milliseconds until the lock expires.
   * @param options apply to the release as well.
   */
  async acquire(key: string, ttlMs: number, options?: CommandOptions): Promise<Lock> {
    const owner = randomUUID();
    const reply = await this.redis.attempt(
      (redis) => redis.set(key, owner, 'PX', ttlMs, 'NX'),
      options,
    );
    if (reply === undefined) {
      return { state: 'unavailable' };
    }
    if (reply === null) {
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
