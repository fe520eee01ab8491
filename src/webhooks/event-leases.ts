import { Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';

import { compareAndDelete } from '../redis/compare-and-delete.js';
import { RedisConnection } from '../redis/redis-connection.js';
import type { ReceivedEvent } from './event-statements.js';

/** When a replica dies while it processes an event, another one can process the event after this time. */
const LEASE_MS = 5000;
/** How long Redis remembers a processed event. PostgreSQL remembers it longer. */
const PROCESSED_TTL_MS = 86_400_000;
/** The value in Redis of a processed event: the SHA-256 of its body in hexadecimal, and its type. */
const PROCESSED = /^finished ([\da-f]{64}) (\S+)$/;

/** The state of an event in Redis. */
export type Lease =
  /** The caller holds the lease and has to process the event. */
  | { readonly state: 'acquired'; release(): Promise<void> }
  /** Another request holds the lease. */
  | { readonly state: 'in-progress' }
  /** The event is committed. `digest` is the SHA-256 of its body. */
  | { readonly state: 'processed'; readonly digest: Buffer; readonly type: string }
  /** Redis does not answer, or holds something else under the key. */
  | { readonly state: 'unknown' };

/**
 * Leases in Redis on events in progress, and a record of processed events. They only save PostgreSQL work: when Redis
 * is wrong or empty, PostgreSQL still applies each event once.
 */
@Injectable()
export class EventLeases {
  constructor(private readonly redis: RedisConnection) {}

  /** Acquires the lease on an event, unless the event is in progress or processed. */
  async acquire(id: string): Promise<Lease> {
    const key = redisKey(id);
    const owner = `claimed ${randomUUID()}`;
    const reply = await this.redis.attempt((redis) => redis.set(key, owner, 'PX', LEASE_MS, 'NX'));
    if (reply === undefined) {
      return { state: 'unknown' };
    }
    if (reply === 'OK') {
      return {
        state: 'acquired',
        release: async () => {
          await compareAndDelete(this.redis, key, owner);
        },
      };
    }
    return await this.read(key);
  }

  /** Records processed events. Call it only after their COMMIT. */
  async markProcessed(events: readonly ReceivedEvent[]): Promise<void> {
    await this.redis.attempt((redis) =>
      Promise.all(
        events.map(({ id, digest, event }) => {
          const value = `finished ${digest.toString('hex')} ${encodeURIComponent(event.type)}`;
          return redis.set(redisKey(id), value, 'PX', PROCESSED_TTL_MS);
        }),
      ),
    );
  }

  private async read(key: string): Promise<Lease> {
    const replies = await this.redis.attempt((redis) =>
      Promise.all([redis.get(key), redis.pttl(key)]),
    );
    const [value, ttlMs] = replies ?? [null, 0];
    const [, digest, type] = PROCESSED.exec(value ?? '') ?? [];
    if (digest !== undefined && type !== undefined) {
      return { state: 'processed', digest: Buffer.from(digest, 'hex'), type };
    }
    // A longer TTL, or none, cannot come from this class.
    const isLease = value?.startsWith('claimed ') === true && ttlMs > 0 && ttlMs <= LEASE_MS;
    return { state: isLease ? 'in-progress' : 'unknown' };
  }
}

function redisKey(id: string): string {
  return `farmlokal:webhook:${id}`;
}
