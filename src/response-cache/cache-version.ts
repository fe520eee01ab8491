import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { randomUUID } from 'node:crypto';

import { REDIS_PAGE_TIMEOUT_MS, RedisConnection } from '../redis/redis-connection.js';
import { SingleFlight } from '../resilience/single-flight.js';

const KEY = 'farmlokal:catalogue-version';
/** Milliseconds between two refreshes: half of the second within which a replica has to follow an invalidation. */
const REFRESH_INTERVAL_MS = 500;
/** Former versions to remember: more than the invalidations between two backups of Redis. */
const MAX_FORMER = 10_000;

/**
 * The version that all replicas share and that every invalidation replaces. A cached response carries the version under
 * which it was read. A response with another version is older than some change.
 *
 * Versions are random and never used twice. An emptied Redis gets a new one. When a Redis is restored from a backup, the
 * first replica that recognises the former version publishes a new one. So a response may wrongly count as outdated, but
 * never as current.
 */
@Injectable()
export class CacheVersion {
  private version: string = randomUUID();
  private readonly former = new LRUCache<string, true>({ max: MAX_FORMER });
  /** In the time of `performance.now()`. */
  private refreshedAt = -Infinity;
  /** When Redis last confirmed the version, in the time of `performance.now()`. */
  private confirmedAt = -Infinity;
  private readonly refreshes = new SingleFlight<void>();
  /** Whether an invalidation by this replica is not in Redis yet. */
  private pendingPublish = false;
  private retry: NodeJS.Timeout | undefined;

  constructor(private readonly redis: RedisConnection) {}

  /** Whether the replicas are known to share this version, or to have shared it within the last second. */
  get shared(): boolean {
    return !this.pendingPublish && performance.now() - this.confirmedAt < 2 * REFRESH_INTERVAL_MS;
  }

  /** The version that this replica knows. */
  get known(): string {
    return this.version;
  }

  /** Returns the version, and refreshes it from Redis every half second. Returns a promise only for a refresh. */
  current(): string | Promise<string> {
    if (performance.now() - this.refreshedAt < REFRESH_INTERVAL_MS || !this.redis.available) {
      return this.version;
    }
    const refresh = this.refreshes.run('', () =>
      this.refresh().finally(() => {
        this.refreshedAt = performance.now();
      }),
    );
    return refresh.then(() => this.version);
  }

  /**
   * Expires every response read so far: on this replica at once, on the others within a second, or as soon as Redis is
   * back. Call it after COMMIT.
   */
  async invalidate(): Promise<void> {
    this.pendingPublish = true;
    const version = randomUUID();
    this.setVersion(version);
    await this.publish(version);
  }

  private async refresh(): Promise<void> {
    if (this.pendingPublish) {
      await this.publish(randomUUID());
      return;
    }
    const before = this.version;
    const replies = await this.redis.attempt(
      (redis) => Promise.all([redis.set(KEY, randomUUID(), 'NX'), redis.get(KEY)]),
      { timeoutMs: REDIS_PAGE_TIMEOUT_MS },
    );
    const version = replies?.[1];
    if (typeof version !== 'string' || this.version !== before) {
      return;
    }
    if (this.former.has(version)) {
      this.pendingPublish = true;
      await this.publish(randomUUID());
      return;
    }
    this.confirmedAt = performance.now();
    this.setVersion(version);
  }

  /**
   * Publishes a version, and sets it once Redis has it. Each attempt needs a new version: a failed attempt may have
   * reached Redis, and other replicas may have read responses under its version.
   */
  private async publish(version: string): Promise<void> {
    const before = this.version;
    const reply = await this.redis.attempt((redis) => redis.set(KEY, version), {
      timeoutMs: REDIS_PAGE_TIMEOUT_MS,
    });
    if (reply === undefined) {
      this.retryPublish();
    } else if (this.version === before) {
      this.pendingPublish = false;
      this.confirmedAt = performance.now();
      this.setVersion(version);
    }
  }

  /** Retries by a timer, because there may be no request that refreshes the version. */
  private retryPublish(): void {
    if (!this.redis.configured) {
      return;
    }
    clearTimeout(this.retry);
    this.retry = setTimeout(() => {
      if (this.pendingPublish) void this.publish(randomUUID());
    }, REFRESH_INTERVAL_MS).unref();
  }

  private setVersion(version: string): void {
    if (version !== this.version) {
      this.former.set(this.version, true);
      this.version = version;
    }
  }
}
