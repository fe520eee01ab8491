import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { setTimeout as sleep } from 'node:timers/promises';
import { Counter, Registry } from 'prom-client';

import { Environment } from '../config/environment.js';
import { Database } from '../database/database.js';
import { AdmissionControl, MAX_WAIT_MS } from '../resilience/admission-control.js';
import { isOutage, isUnavailable, overloaded } from '../problems/problem.js';
import { REDIS_PAGE_TIMEOUT_MS } from '../redis/redis-connection.js';
import { RedisLock } from '../redis/redis-lock.js';
import { loopClock } from '../resilience/loop-clock.js';
import { CatalogVersion } from './catalog-version.js';
import type { CachedResponse } from './cached-response.js';
import { RedisResponseStore, type StoredResponse } from './redis-response-store.js';

/** Bytes of pages kept in the process: some 800 of 20 products. More of them are in Redis. */
const MEMORY_BYTES = 8 * 1024 * 1024;
/** What an entry costs besides its body. */
const ENTRY_OVERHEAD_BYTES = 1024;
/** In all, how long a page may be held up by Redis, whatever state it is in; counting its request may have taken as long. */
const REDIS_BUDGET_MS = 50;
/** How long a page is one replica's to read at most: longer than a healthy database takes. */
const READING_TTL_MS = 2000;
const POLL_MS = 10;
/** With an older page at hand, how long PostgreSQL may take before it counts as not answering. */
const PATIENCE_MS = 1000;
/** The same when the last read has failed: a healthy database answers well within it. */
const FAILING_PATIENCE_MS = 100;

/** A page, and how it was come by. */
export interface CacheResult {
  readonly page: CachedResponse;
  /** `MISS`: read for this request. `HIT`: from a cache, fresh. `STALE`: from a cache, past its time. */
  readonly cache: 'HIT' | 'MISS' | 'STALE';
  /** Whole seconds since the page was read. */
  readonly age: number;
  /** Where it was found: in the process, in Redis, or in PostgreSQL. */
  readonly layer: 'memory' | 'redis' | 'database';
}

type Read = () => Promise<CachedResponse>;
type Freshness = 'fresh' | 'ageing' | 'old';

/** A read that is under way, which everyone who wants the page joins. */
interface Flight {
  readonly landing: Promise<CacheResult>;
  /** Ends when an older page is better than waiting on. */
  readonly patience: Promise<undefined>;
}

/**
 * Pages by key: in the process, behind it in Redis, behind that in PostgreSQL.
 *
 * A page is fresh for `CACHE_TTL_MS`. For as long again, while changes are heard of, it is still served
 * and read anew in the background (stale-while-revalidate, RFC 5861). After that, or once the catalogue has changed, it
 * stands in for a failing database only, up to `CACHE_STALE_MS` (stale-if-error). A page is read
 * once at a time in a process, and by one process at a time while Redis can tell.
 */
@Injectable()
export class ResponseCache {
  private readonly memory = new LRUCache<string, StoredResponse>({
    maxSize: MEMORY_BYTES,
    sizeCalculation: ({ body }, key) => body.length + 2 * key.length + ENTRY_OVERHEAD_BYTES,
  });
  private readonly flights = new Map<string, Flight>();
  private readonly reads: AdmissionControl;
  /** Whether the last read found PostgreSQL unavailable. */
  private failing = false;
  private readonly served: Counter<'layer' | 'result'>;

  constructor(
    private readonly store: RedisResponseStore,
    private readonly version: CatalogVersion,
    private readonly lock: RedisLock,
    private readonly database: Database,
    private readonly environment: Environment,
    registry: Registry,
  ) {
    this.reads = new AdmissionControl(environment.DATABASE_POOL_MAX);
    this.served = new Counter({
      name: 'farmlokal_page_cache_requests_total',
      help: 'Pages that were served, by where they were found and how fresh they were.',
      labelNames: ['layer', 'result'],
      registers: [registry],
    });
  }

  /**
   * The page under a key, from the nearest place that has it, else from `read`. At once when it is in the process.
   *
   * @throws whatever `read` throws, or `overloaded` instead of reading, when no older page may stand in.
   */
  get(key: string, read: Read): CacheResult | Promise<CacheResult> {
    const startedAt = loopClock.now();
    const version = this.version.current();
    return typeof version === 'string'
      ? this.find(key, version, read, startedAt)
      : version.then((known) => this.find(key, known, read, startedAt));
  }

  private find(
    key: string,
    version: string,
    read: Read,
    startedAt: number,
  ): CacheResult | Promise<CacheResult> {
    const page = this.memory.get(key);
    const freshness = page && this.freshness(page, version);
    if (page && freshness === 'fresh') {
      return this.count(serve(page, 'HIT', 'memory'));
    }
    // A PostgreSQL that does not answer is an outage, and the read says so.
    const maxMs = this.database.isAnswering ? MAX_WAIT_MS : Infinity;
    if (!this.flights.has(flightName(key, version)) && this.reads.shouldReject(maxMs)) {
      if (page === undefined || !this.standsIn(page)) {
        throw overloaded('The catalogue has too many requests right now.');
      }
      return this.count(serve(page, 'STALE', 'memory'));
    }
    if (page && freshness === 'ageing') {
      // Read anew in the background: nobody waits for it.
      this.fly(key, version, read, startedAt + REDIS_BUDGET_MS);
      return this.count(serve(page, 'STALE', 'memory'));
    }
    const flight = this.fly(key, version, read, startedAt + REDIS_BUDGET_MS);
    return this.land(flight, key).then((served) => this.count(served));
  }

  private count(served: CacheResult): CacheResult {
    this.served.inc({ layer: served.layer, result: served.cache.toLowerCase() });
    return served;
  }

  /** Joins the flight for a page, or starts it. One that began before a catalogue change is not joined. */
  private fly(key: string, version: string, read: Read, redisUntil: number): Flight {
    const name = flightName(key, version);
    const underWay = this.flights.get(name);
    if (underWay !== undefined) {
      return underWay;
    }
    let cancel = (): void => undefined;
    const patience = new Promise<undefined>((resolve) => {
      cancel = loopClock.after(this.failing ? FAILING_PATIENCE_MS : PATIENCE_MS, () => {
        resolve(undefined);
      });
    });
    const landing = this.reads
      .track(() => this.fetch(key, version, read, redisUntil))
      .catch((error: unknown) => this.serveOnError(key, error))
      .finally(() => {
        this.flights.delete(name);
        cancel();
      });
    // A flight in the background may fail with nobody waiting for it.
    landing.catch(() => undefined);
    const flight = { landing, patience };
    this.flights.set(name, flight);
    return flight;
  }

  /** The page that a flight brings, or the older one when PostgreSQL has had its time. */
  private async land({ landing, patience }: Flight, key: string): Promise<CacheResult> {
    const landed = await Promise.race([landing, patience]);
    if (landed !== undefined) {
      return landed;
    }
    const page = this.memory.peek(key);
    return page !== undefined && this.standsIn(page) ? serve(page, 'STALE', 'memory') : landing;
  }

  private async fetch(
    key: string,
    version: string,
    read: Read,
    redisUntil: number,
  ): Promise<CacheResult> {
    const { CACHE_TTL_MS, CACHE_STALE_MS } = this.environment;
    const redisHasTime = (): boolean =>
      this.version.shared && loopClock.now() <= redisUntil - REDIS_PAGE_TIMEOUT_MS;

    // At once, in one way to Redis: hardly ever does another replica have the page by now.
    const [shared, lock] = redisHasTime()
      ? await Promise.all([
          this.consult(key, version),
          this.lock.acquire(
            `farmlokal:reading:${version}:${key}`,
            Math.min(READING_TTL_MS, CACHE_TTL_MS, CACHE_STALE_MS),
            { timeoutMs: REDIS_PAGE_TIMEOUT_MS },
          ),
        ])
      : [];
    let served: CacheResult | undefined;
    try {
      served =
        shared ??
        (lock?.state === 'contended'
          ? await this.awaitOther(key, version, redisHasTime)
          : undefined) ??
        (await this.read(key, version, read));
      return served;
    } finally {
      // Once it was read, whoever meets the lock finds the page, for as long as the lock lasts.
      if (lock?.state === 'acquired' && served?.cache !== 'MISS') {
        void lock.release();
      }
    }
  }

  /** The page that another replica is reading, if it comes in time, or an older one that may still be served. */
  private async awaitOther(
    key: string,
    version: string,
    redisHasTime: () => boolean,
  ): Promise<CacheResult | undefined> {
    const older = this.memory.peek(key);
    if (older !== undefined && this.freshness(older, version) === 'ageing') {
      return serve(older, 'STALE', 'memory');
    }
    while (redisHasTime()) {
      const shared = await this.consult(key, version);
      if (shared !== undefined) {
        return shared;
      }
      await sleep(POLL_MS);
    }
    return undefined;
  }

  /** Takes the shared page into the process when it is younger than what is there; answers if it is fresh. */
  private async consult(key: string, version: string): Promise<CacheResult | undefined> {
    const page = await this.store.get(key);
    const older = this.memory.peek(key);
    if (page === undefined || (older !== undefined && page.readAt <= older.readAt)) {
      return undefined;
    }
    this.memory.set(key, page);
    return this.freshness(page, version) === 'fresh' ? serve(page, 'HIT', 'redis') : undefined;
  }

  private async read(key: string, version: string, read: Read): Promise<CacheResult> {
    const readAt = Date.now();
    try {
      const page = { ...(await read()), version, readAt };
      this.failing = false;
      if (!this.isOvertaken(key, page)) {
        this.memory.set(key, page);
        // Nobody waits for Redis to take it.
        void this.store.set(key, page);
      }
      return serve(page, 'MISS', 'database');
    } catch (error) {
      if (!isUnavailable(error)) {
        // What is gone must not come back when PostgreSQL fails.
        this.memory.delete(key);
        void this.store.delete(key);
        throw error;
      }
      this.failing ||= isOutage(error);
      throw error;
    }
  }

  /** Outside of the admission control, which must not measure how long an outage takes. */
  private serveOnError(key: string, error: unknown): CacheResult {
    const older = this.memory.peek(key);
    if (older === undefined || !this.standsIn(older) || !isUnavailable(error)) {
      throw error;
    }
    return serve(older, 'STALE', 'memory');
  }

  /** Whether a later read may have found something else meanwhile, or nothing any more. */
  private isOvertaken(key: string, { version, readAt }: StoredResponse): boolean {
    const kept = this.memory.peek(key);
    return kept === undefined ? version !== this.version.known : kept.readAt > readAt;
  }

  private freshness(page: StoredResponse, version: string): Freshness {
    if (page.version !== version) {
      return 'old';
    }
    // A page from the future is one of a replica with another clock: as far off as it is old.
    const age = Math.abs(Date.now() - page.readAt);
    const ttl = this.environment.CACHE_TTL_MS;
    if (age < ttl) {
      return 'fresh';
    }
    // A replica that cannot hear of changes has to see them within the TTL.
    return age < 2 * ttl && this.version.shared ? 'ageing' : 'old';
  }

  private standsIn(page: StoredResponse): boolean {
    return Date.now() - page.readAt < this.environment.CACHE_STALE_MS;
  }
}

function flightName(key: string, version: string): string {
  return `${version} ${key}`;
}

function serve(
  page: StoredResponse,
  cache: CacheResult['cache'],
  layer: CacheResult['layer'],
): CacheResult {
  return { page, cache, layer, age: Math.max(0, Math.floor((Date.now() - page.readAt) / 1000)) };
}
