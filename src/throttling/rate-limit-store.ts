import { Injectable } from '@nestjs/common';
import type { ThrottlerStorage } from '@nestjs/throttler';
import { LRUCache } from 'lru-cache';

import { RedisConnection } from '../redis/redis-connection.js';

/** Clients that the process itself keeps count of; those not heard of for the longest time go first. */
const IN_MEMORY = 50_000;
/** Of what is left for a client, the part that a replica takes out of Redis at a time: below 400, one request. */
const SHARE = 1 / 200;

/** Takes requests out of a window, which the first begins. Gives how many are taken, and the milliseconds left. */
const TAKE = `
local taken = redis.call('incrby', KEYS[1], ARGV[1])
local left = redis.call('pttl', KEYS[1])
if left < 0 then
  redis.call('pexpire', KEYS[1], ARGV[2])
  left = tonumber(ARGV[2])
end
return {taken, left}`;

/** What a replica knows of a client's window. */
interface Window {
  /** Requests that all replicas together have taken out of it, as far as this one knows. */
  taken: number;
  /** Of those, how many this replica has not used yet. */
  unused: number;
  /** In the process's own time. */
  endsAt: number;
  /** Questions to Redis that are under way. */
  asking: number;
  /** Requests that were let through without Redis, which it has to be told. */
  untold: number;
}

/**
 * Counts the requests of each client in windows of a fixed length, of which the first request begins one.
 *
 * All replicas take requests out of one count in Redis: while many are left, several at a time, so that few have
 * to wait for it; the last ones one by one. Never more than the limit is let through. Where Redis does not answer, a
 * replica goes on by itself from what it knew; where Redis has lost its count, the replica's own one holds until the
 * window ends.
 */
@Injectable()
export class RateLimitStore implements ThrottlerStorage {
  private readonly windows = new LRUCache<string, Window>({ max: IN_MEMORY });

  constructor(private readonly redis: RedisConnection) {}

  /** Counts a request of a client. Never rejects, and takes no longer than Redis may. */
  async increment(
    client: string,
    windowMs: number,
    limit: number,
  ): ReturnType<ThrottlerStorage['increment']> {
    const window = this.windowOf(client, windowMs);
    let isBlocked = false;
    if (window.unused > 0) {
      window.unused -= 1;
    } else if (window.taken < limit) {
      isBlocked = !(await this.take(client, window, windowMs, limit));
    } else {
      isBlocked = true;
    }
    const timeToExpire = Math.max(1, Math.ceil((window.endsAt - performance.now()) / 1000));
    return {
      totalHits: isBlocked ? limit + 1 : window.taken - window.unused,
      timeToExpire,
      isBlocked,
      timeToBlockExpire: timeToExpire,
    };
  }

  private windowOf(client: string, windowMs: number): Window {
    const now = performance.now();
    const known = this.windows.get(client);
    if (known !== undefined && now < known.endsAt) {
      return known;
    }
    const window = { taken: 0, unused: 0, endsAt: now + windowMs, asking: 0, untold: 0 };
    this.windows.set(client, window);
    return window;
  }

  /** Takes requests out of the window, one of them for now; false when none is left. */
  private async take(
    client: string,
    window: Window,
    windowMs: number,
    limit: number,
  ): Promise<boolean> {
    // Of those who ask at once, one takes a share for those to come.
    const share = window.asking > 0 ? 1 : Math.max(1, Math.floor((limit - window.taken) * SHARE));
    const { untold } = window;
    window.untold = 0;
    window.asking += 1;
    const askedAt = performance.now();
    // Replicas with another limit, while that is being changed, count for themselves.
    const key = `farmlokal:requests:${limit}:${client}`;
    const answer = await this.redis.attempt((redis) =>
      redis.eval(TAKE, 1, key, share + untold, windowMs),
    );
    window.asking -= 1;
    const [taken, left] = Array.isArray(answer) ? (answer as unknown[]) : [];
    if (typeof taken !== 'number' || typeof left !== 'number') {
      window.untold += untold + 1;
      window.taken += 1;
      return window.taken <= limit;
    }
    if (taken - share < window.taken) {
      // Redis has lost its count.
      window.taken += 1;
      return window.taken <= limit;
    }
    const granted = Math.min(share, limit - (taken - share));
    window.taken = taken;
    window.endsAt = askedAt + left;
    window.unused += Math.max(0, granted - 1);
    return granted > 0;
  }
}
