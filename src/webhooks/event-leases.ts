import { Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';

import { compareAndDelete } from '../redis/compare-and-delete.js';
import { RedisConnection } from '../redis/redis-connection.js';
import type { ReceivedEvent } from './event-statements.js';

/** How long a claim stands: a replica that dies in the middle of its work holds up nobody for longer. */
const LEASE_MS = 5000;
/** How long a finished event is remembered here; PostgreSQL remembers it for longer. */
const REMEMBERED_MS = 86_400_000;
const SHA_256 = /^[\da-f]{64}$/;

/** What is known of an event before PostgreSQL is asked. */
export type Claim =
  /** It is ours to process. */
  | { readonly state: 'claimed'; release(): Promise<void> }
  /** Another request is processing it. */
  | { readonly state: 'in-progress' }
  /** It is finished; `digest` is that of the body it had, in hexadecimal. */
  | { readonly state: 'finished'; readonly digest: string; readonly type: string }
  /** Redis cannot tell: PostgreSQL has to. */
  | { readonly state: 'unknown' };

/**
 * Who is at work on which event, and which are finished, in Redis. All of it may be wrong or missing: it
 * spares PostgreSQL work, and decides nothing.
 */
@Injectable()
export class EventLeases {
  constructor(private readonly redis: RedisConnection) {}

  /** Claims an event, unless it is claimed or finished. */
  async claim(id: string): Promise<Claim> {
    const key = keyOf(id);
    const mine = `claimed ${randomUUID()}`;
    const answer = await this.redis.attempt((redis) => redis.set(key, mine, 'PX', LEASE_MS, 'NX'));
    if (answer === undefined) {
      return { state: 'unknown' };
    }
    if (answer === 'OK') {
      return {
        state: 'claimed',
        release: async () => {
          await compareAndDelete(this.redis, key, mine);
        },
      };
    }
    // Most events are new: only of others is there more to ask.
    const known = await this.redis.attempt((redis) =>
      Promise.all([redis.get(key), redis.pttl(key)]),
    );
    const [mark, life = 0] = known ?? [];
    const [state, digest = '', type] = mark?.split(' ') ?? [];
    if (state === 'finished' && SHA_256.test(digest) && type !== undefined) {
      return { state, digest, type };
    }
    // One that stands for longer than we ever claim, or for ever, is none of ours.
    const claimed = state === 'claimed' && life > 0 && life <= LEASE_MS;
    return { state: claimed ? 'in-progress' : 'unknown' };
  }

  /** Remembers finished events. Only to be called once their effects are committed. */
  async finish(events: readonly ReceivedEvent[]): Promise<void> {
    await this.redis.attempt((redis) =>
      Promise.all(
        events.map(({ id, digest, event }) => {
          const mark = `finished ${digest.toString('hex')} ${encodeURIComponent(event.type)}`;
          return redis.set(keyOf(id), mark, 'PX', REMEMBERED_MS);
        }),
      ),
    );
  }
}

function keyOf(id: string): string {
  return `farmlokal:webhook:${id}`;
}
