import { Injectable } from '@nestjs/common';
import type { ThrottlerStorage } from '@nestjs/throttler';
import { LRUCache } from 'lru-cache';

import { RedisConnection } from '../redis/redis-connection.js';

/** Clients that the process itself keeps count of; those not heard of for the longest time go first. */
const IN_MEMORY = 50_000;
/** How long Redis may take for a count: of what it may cost a request in all, the page cache needs the most. */
const REDIS_TIMEOUT_MS = 25;

/** Counts a request; the first begins the window. Gives the count, and the milliseconds left of the window. */
const COUNT = `
local count = redis.call('incr', KEYS[1])
local left = redis.call('pttl', KEYS[1])
if left < 0 then
  redis.call('pexpire', KEYS[1], ARGV[1])
  left = tonumber(ARGV[1])
end
return {count, left}`;

/** The requests of one client in its window. */
interface Count {
  readonly requests: number;
  /** When the window ends, in the process's own time. */
  readonly endsAt: number;
}

/**
 * Counts the requests of each client in windows of a fixed length, of which the first request begins one.
 *
 * All replicas count together in Redis, and each remembers what it last heard. Where Redis does not answer, a
 * replica goes on from there by itself, so that it never lets more through than the limit; where Redis has
 * lost its count, the replica's own one holds until its window ends.
 */
@Injectable()
export class RequestCounts implements ThrottlerStorage {
  private readonly counts = new LRUCache<string, Count>({ max: IN_MEMORY });

  constructor(private readonly redis: RedisConnection) {}

  /** Counts a request of a client. Never rejects, and takes no longer than Redis may. */
  async increment(
    client: string,
    windowMs: number,
    limit: number,
  ): ReturnType<ThrottlerStorage['increment']> {
    const known = this.current(client);
    // A client that is past its limit stays so until the window ends: no need to ask about each request.
    const count =
      known !== undefined && known.requests > limit
        ? known
        : this.add(client, windowMs, await this.countTogether(client, windowMs));
    const seconds = Math.max(1, Math.ceil((count.endsAt - performance.now()) / 1000));
    return {
      totalHits: count.requests,
      timeToExpire: seconds,
      isBlocked: count.requests > limit,
      timeToBlockExpire: seconds,
    };
  }

  private current(client: string): Count | undefined {
    const count = this.counts.get(client);
    return count !== undefined && performance.now() < count.endsAt ? count : undefined;
  }

  private async countTogether(client: string, windowMs: number): Promise<Count | undefined> {
    const answer = await this.redis.attempt(
      (redis) => redis.eval(COUNT, 1, `farmlokal:requests:${client}`, windowMs),
      REDIS_TIMEOUT_MS,
    );
    const [requests, left] = Array.isArray(answer) ? (answer as unknown[]) : [];
    return typeof requests === 'number' && typeof left === 'number'
      ? { requests, endsAt: performance.now() + left }
      : undefined;
  }

  /** Takes over the count of all replicas, or adds one to the own count where that is further on. */
  private add(client: string, windowMs: number, together: Count | undefined): Count {
    const known = this.current(client) ?? { requests: 0, endsAt: performance.now() + windowMs };
    const count =
      together !== undefined && together.requests > known.requests
        ? together
        : { ...known, requests: known.requests + 1 };
    this.counts.set(client, count);
    return count;
  }
}
