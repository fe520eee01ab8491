import { Injectable } from '@nestjs/common';
import type { ThrottlerStorage } from '@nestjs/throttler';
import { LRUCache } from 'lru-cache';

import { RedisConnection } from '../redis/redis-connection.js';

/** Maximum number of windows in memory. The least recently used one is evicted first. */
const MAX_CLIENTS = 50_000;
/** The fraction of a client's remaining requests that a replica leases from Redis at a time; at least one request. */
const LEASE_FRACTION = 1 / 200;

/** Adds requests to a window, which starts with the first. Returns the requests used and the milliseconds left. */
const CONSUME = `
local used = redis.call('incrby', KEYS[1], ARGV[1])
local left = redis.call('pttl', KEYS[1])
if left < 0 then
  redis.call('pexpire', KEYS[1], ARGV[2])
  left = tonumber(ARGV[2])
end
return {used, left}`;

/** A client's window, as this replica knows it. */
interface Window {
  /** Requests that all replicas have used or leased. */
  used: number;
  /** Leased requests that this replica has not used yet. */
  leased: number;
  /** In the time of `performance.now()`. */
  endsAt: number;
  /** Calls to Redis in progress. */
  pendingCalls: number;
  /** Requests accepted without Redis, to be added to its count. */
  unreported: number;
}

/**
 * Counts each client's requests in windows of fixed length that start with a request.
 *
 * All replicas share one count in Redis, and so never exceed the limit together. While many requests remain, a replica
 * leases several at once, so that few requests wait for Redis. When Redis does not answer or has lost its count, the
 * replica continues from its own count until the window ends.
 */
@Injectable()
export class RateLimitStore implements ThrottlerStorage {
  private readonly windows = new LRUCache<string, Window>({ max: MAX_CLIENTS });

  constructor(private readonly redis: RedisConnection) {}

  /** Counts a request. Never rejects. */
  async increment(
    client: string,
    windowMs: number,
    limit: number,
  ): ReturnType<ThrottlerStorage['increment']> {
    const window = this.windowOf(client, windowMs);
    let isBlocked = false;
    if (window.leased > 0) {
      window.leased -= 1;
    } else if (window.used < limit) {
      isBlocked = !(await this.consume(client, window, windowMs, limit));
    } else {
      isBlocked = true;
    }
    const timeToExpire = Math.max(1, Math.ceil((window.endsAt - performance.now()) / 1000));
    return {
      totalHits: isBlocked ? limit + 1 : window.used - window.leased,
      timeToExpire,
      isBlocked,
      timeToBlockExpire: timeToExpire,
    };
  }

  private windowOf(client: string, windowMs: number): Window {
    const now = performance.now();
    const current = this.windows.get(client);
    if (current !== undefined && now < current.endsAt) {
      return current;
    }
    const window = { used: 0, leased: 0, endsAt: now + windowMs, pendingCalls: 0, unreported: 0 };
    this.windows.set(client, window);
    return window;
  }

  /** Uses one request of the window, and leases more for later. Returns false when none remains. */
  private async consume(
    client: string,
    window: Window,
    windowMs: number,
    limit: number,
  ): Promise<boolean> {
    // Only the first of concurrent calls leases more than its own request.
    const lease =
      window.pendingCalls > 0 ? 1 : Math.max(1, Math.floor((limit - window.used) * LEASE_FRACTION));
    const { unreported } = window;
    window.unreported = 0;
    window.pendingCalls += 1;
    const calledAt = performance.now();
    // The limit is in the key, because during a deployment replicas can have different limits.
    const key = `farmlokal:requests:${limit}:${client}`;
    const reply = await this.redis.attempt((redis) =>
      redis.eval(CONSUME, 1, key, lease + unreported, windowMs),
    );
    window.pendingCalls -= 1;
    const [used, left] = Array.isArray(reply) ? (reply as unknown[]) : [];
    if (typeof used !== 'number' || typeof left !== 'number') {
      window.unreported += unreported + 1;
      window.used += 1;
      return window.used <= limit;
    }
    const usedBefore = used - lease;
    if (usedBefore < window.used) {
      // Redis has lost its count.
      window.used += 1;
      return window.used <= limit;
    }
    const granted = Math.min(lease, limit - usedBefore);
    window.used = used;
    window.endsAt = calledAt + left;
    window.leased += Math.max(0, granted - 1);
    return granted > 0;
  }
}
