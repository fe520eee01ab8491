import { Injectable } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';

import { Environment } from '../config/environment.js';
import { isOutage, isUnavailable } from '../problems/problem.js';
import { REDIS_PAGE_TIMEOUT_MS } from '../redis/redis-connection.js';
import { RedisLock } from '../redis/redis-lock.js';
import { loopClock } from '../resilience/loop-clock.js';
import { type CacheResult, cacheResult } from './cache-result.js';
import { CacheVersion } from './cache-version.js';
import type { CachedResponse, StoredResponse } from './cached-response.js';
import { Freshness } from './freshness.js';
import { MemoryResponseStore } from './memory-response-store.js';
import { RedisResponseStore } from './redis-response-store.js';

/** Milliseconds that Redis may delay a response. Rate limiting may delay it by as much again. */
export const REDIS_BUDGET_MS = 50;
/** Milliseconds after which the lock on a read expires: longer than a healthy database takes. */
const LOCK_TTL_MS = 2000;
const POLL_INTERVAL_MS = 10;
/** The soft timeout of the database, in milliseconds. */
export const SOFT_TIMEOUT_MS = 1000;
/** The soft timeout after a failed read: a healthy database answers well within it. */
const FAILING_SOFT_TIMEOUT_MS = 100;

/** Reads a response from the database. */
export type ReadResponse = () => Promise<CachedResponse>;

/** A response that is not fresh in this process, and how to read it. */
export interface ResponseRequest {
  readonly key: string;
  /** The {@link CacheVersion} when the request arrived. */
  readonly version: string;
  readonly read: ReadResponse;
  /** When the request arrived, on the {@link loopClock}. */
  readonly startedAt: number;
}

/**
 * Loads responses from Redis, else from the database, and stores them. While Redis works, one replica at a time reads a
 * response from the database.
 */
@Injectable()
export class ResponseLoader {
  /** Whether the last read found the database unavailable. */
  private failing = false;

  constructor(
    private readonly memory: MemoryResponseStore,
    private readonly redis: RedisResponseStore,
    private readonly lock: RedisLock,
    private readonly version: CacheVersion,
    private readonly freshness: Freshness,
    private readonly environment: Environment,
  ) {}

  /** Milliseconds after which an older response is better than waiting for the database. */
  get softTimeoutMs(): number {
    return this.failing ? FAILING_SOFT_TIMEOUT_MS : SOFT_TIMEOUT_MS;
  }

  /** @throws the error of `read`. */
  async load(request: ResponseRequest): Promise<CacheResult> {
    if (!this.redisHasTime(request)) {
      return await this.readDatabase(request);
    }
    const { key, version } = request;
    const { CACHE_TTL_MS, CACHE_STALE_MS } = this.environment;
    // In one round trip, because another replica has rarely stored the response already.
    const [shared, lock] = await Promise.all([
      this.readShared(request),
      this.lock.acquire(
        `farmlokal:reading:${version}:${key}`,
        Math.min(LOCK_TTL_MS, CACHE_TTL_MS, CACHE_STALE_MS),
        { timeoutMs: REDIS_PAGE_TIMEOUT_MS },
      ),
    ]);
    let result: CacheResult | undefined;
    try {
      result =
        shared ??
        (lock.state === 'contended' ? await this.waitForOtherReplica(request) : undefined) ??
        (await this.readDatabase(request));
      return result;
    } finally {
      // Lets the lock expire after a read from the database: a replica that finds the lock finds the response too.
      if (lock.state === 'acquired' && result?.cache !== 'MISS') {
        void lock.release();
      }
    }
  }

  private redisHasTime({ startedAt }: ResponseRequest): boolean {
    return (
      this.version.shared && loopClock.now() <= startedAt + REDIS_BUDGET_MS - REDIS_PAGE_TIMEOUT_MS
    );
  }

  /** The response that another replica reads, if it is stored in time, or a stale one. */
  private async waitForOtherReplica(request: ResponseRequest): Promise<CacheResult | undefined> {
    const cached = this.memory.peek(request.key);
    if (cached !== undefined && this.freshness.of(cached, request.version) === 'stale') {
      return cacheResult(cached, 'STALE', 'memory');
    }
    while (this.redisHasTime(request)) {
      const shared = await this.readShared(request);
      if (shared !== undefined) {
        return shared;
      }
      await sleep(POLL_INTERVAL_MS);
    }
    return undefined;
  }

  /** The response in Redis, if it is fresh. A response that is newer than the one in memory replaces it. */
  private async readShared({ key, version }: ResponseRequest): Promise<CacheResult | undefined> {
    const shared = await this.redis.get(key);
    const cached = this.memory.peek(key);
    if (shared === undefined || (cached !== undefined && shared.readAt <= cached.readAt)) {
      return undefined;
    }
    this.memory.set(key, shared);
    return this.freshness.of(shared, version) === 'fresh'
      ? cacheResult(shared, 'HIT', 'redis')
      : undefined;
  }

  private async readDatabase({ key, version, read }: ResponseRequest): Promise<CacheResult> {
    const readAt = Date.now();
    try {
      const response = { ...(await read()), version, readAt };
      this.failing = false;
      if (!this.isSuperseded(key, response)) {
        this.memory.set(key, response);
        void this.redis.set(key, response);
      }
      return cacheResult(response, 'MISS', 'database');
    } catch (error) {
      if (!isUnavailable(error)) {
        // A deleted resource must not come back when the database fails.
        this.memory.delete(key);
        void this.redis.delete(key);
        throw error;
      }
      this.failing ||= isOutage(error);
      throw error;
    }
  }

  /** Whether a later read may have found a newer response, or no resource. */
  private isSuperseded(key: string, { version, readAt }: StoredResponse): boolean {
    const cached = this.memory.peek(key);
    return cached === undefined ? version !== this.version.known : cached.readAt > readAt;
  }
}
