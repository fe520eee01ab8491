import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { Registry } from 'prom-client';

import type { Database } from '../database/database.js';
import type { Environment } from '../config/environment.js';
import { dependencyUnavailable, Problem } from '../problems/problem.js';
import type { Lock, RedisLock } from '../redis/redis-lock.js';
import type { CacheVersion } from './cache-version.js';
import {
  type CachedResponse,
  createCachedResponse,
  type StoredResponse,
} from './cached-response.js';
import { Freshness } from './freshness.js';
import { MemoryResponseStore } from './memory-response-store.js';
import type { RedisResponseStore } from './redis-response-store.js';
import { ResponseCache } from './response-cache.js';
import { ResponseLoader } from './response-loader.js';

const TTL_MS = 60_000;
const KEY = '/api/products/1';
const [OLD, NEW] = [createCachedResponse(['"old"']), createCachedResponse(['"new"'])];

/** A cache in front of a Redis that holds these responses, and whose lock on reads is in this state. */
function cacheOf(stored: Map<string, StoredResponse>, lock: Lock) {
  const state = { version: 'first', redisReads: 0 };
  const store = {
    get: (key: string) => {
      state.redisReads += 1;
      return Promise.resolve(stored.get(key));
    },
    set: (key: string, response: StoredResponse) => Promise.resolve(stored.set(key, response)),
    delete: (key: string) => Promise.resolve(stored.delete(key)),
  } as unknown as RedisResponseStore;
  const version = {
    shared: true,
    get known() {
      return state.version;
    },
    current: () => state.version,
  } as unknown as CacheVersion;
  const database = { isAnswering: true } as Database;
  const locks = { acquire: () => Promise.resolve(lock) } as unknown as RedisLock;
  const environment = {
    CACHE_TTL_MS: TTL_MS,
    CACHE_STALE_MS: 10 * TTL_MS,
    DATABASE_POOL_MAX: 1,
  } as Environment;
  const memory = new MemoryResponseStore();
  const freshness = new Freshness(version, environment);
  const loader = new ResponseLoader(memory, store, locks, version, freshness, environment);
  return {
    cache: new ResponseCache(
      memory,
      loader,
      version,
      freshness,
      database,
      environment,
      new Registry(),
    ),
    state,
  };
}

afterEach(() => {
  jest.restoreAllMocks();
});

const FREE: Lock = { state: 'acquired', release: () => Promise.resolve() };

/** A read that stays in progress until it is given its response. */
function pendingRead() {
  let find: (response: CachedResponse) => void = () => undefined;
  const found = new Promise<CachedResponse>((resolve) => {
    find = resolve;
  });
  return { read: () => found, find };
}

const gone = (): Promise<CachedResponse> => Promise.reject(new Problem('not-found', 'It is gone.'));
const down = (): Promise<CachedResponse> =>
  Promise.reject(dependencyUnavailable('PostgreSQL is down.'));

describe('With more reads than PostgreSQL can serve, ResponseCache', () => {
  const found = (): Promise<CachedResponse> => Promise.resolve(NEW);
  /** Takes six seconds on the clock that measures reads. */
  const slowly = (): Promise<CachedResponse> => {
    const sixSecondsLater = performance.now() + 6000;
    jest.spyOn(performance, 'now').mockReturnValueOnce(sixSecondsLater);
    return Promise.resolve(OLD);
  };

  it('refuses a response that is not in memory, serves those that are, and joins a read in progress', async () => {
    const { cache, state } = cacheOf(new Map(), FREE);
    const slow = pendingRead();
    await cache.get('/known', () => Promise.resolve(OLD));
    // One read runs at a time, and one has taken six seconds.
    await cache.get('/slow', slowly);
    const first = cache.get(KEY, slow.read);
    const { redisReads } = state;
    expect(() => cache.get('/unknown', found)).toThrow('too many requests');
    expect(state.redisReads).toBe(redisReads);
    const second = cache.get(KEY, found);
    expect(await cache.get('/known', found)).toMatchObject({ cache: 'HIT' });
    state.version = 'second';
    expect(await cache.get('/known', found)).toMatchObject({ cache: 'STALE' });
    slow.find(OLD);
    expect((await first).response.body).toEqual(OLD.body);
    expect((await second).response.body).toEqual(OLD.body);
    expect(await cache.get('/unknown', found)).toMatchObject({ cache: 'MISS' });
  });

  it('does not measure a slow outage, also when it serves a stale response', async () => {
    const { cache, state } = cacheOf(new Map(), FREE);
    await cache.get('/known', found);
    state.version = 'second';
    const outage = async (): Promise<CachedResponse> => {
      await slowly();
      return down();
    };
    expect(await cache.get('/known', outage)).toMatchObject({ cache: 'STALE' });
    const slow = pendingRead();
    const first = cache.get(KEY, slow.read);
    const second = cache.get('/unknown', found);
    slow.find(OLD);
    await first;
    expect(await second).toMatchObject({ cache: 'MISS' });
  });
});

describe('A read that began before an invalidation', () => {
  it('does not store a response that a later read found gone', async () => {
    const stored = new Map<string, StoredResponse>();
    const { cache, state } = cacheOf(stored, FREE);
    const slow = pendingRead();
    const first = cache.get(KEY, slow.read);
    state.version = 'second';
    await expect(cache.get(KEY, gone)).rejects.toThrow('It is gone.');
    slow.find(OLD);
    expect(await first).toMatchObject({ response: { body: OLD.body }, cache: 'MISS' });
    expect(stored.size).toBe(0);
    await expect(cache.get(KEY, down)).rejects.toThrow('PostgreSQL is down.');
  });

  it('does not replace the response of a later read', async () => {
    const { cache, state } = cacheOf(new Map(), FREE);
    const slow = pendingRead();
    const first = cache.get(KEY, slow.read);
    await sleep(2);
    state.version = 'second';
    await cache.get(KEY, () => Promise.resolve(NEW));
    slow.find(OLD);
    await first;
    expect(await cache.get(KEY, down)).toMatchObject({
      response: { body: NEW.body },
      cache: 'HIT',
    });
  });
});

describe('The lock on a read', () => {
  const released = (): { lock: Lock; times: () => number } => {
    let count = 0;
    const release = (): Promise<void> => {
      count += 1;
      return Promise.resolve();
    };
    return { lock: { state: 'acquired', release }, times: () => count };
  };

  it('is left to expire after a read', async () => {
    const { lock, times } = released();
    const { cache } = cacheOf(new Map(), lock);
    await cache.get(KEY, () => Promise.resolve(NEW));
    expect(times()).toBe(0);
  });

  it('is released when the read fails, also when an older response replaces the error', async () => {
    const { lock, times } = released();
    const { cache, state } = cacheOf(new Map(), lock);
    await expect(cache.get(KEY, down)).rejects.toThrow('PostgreSQL is down.');
    expect(times()).toBe(1);
    await cache.get(KEY, () => Promise.resolve(OLD));
    state.version = 'second';
    expect(await cache.get(KEY, down)).toMatchObject({ cache: 'STALE' });
    expect(times()).toBe(2);
  });

  it('is released when another replica has stored the response meanwhile', async () => {
    const { lock, times } = released();
    const stored = new Map([[KEY, { ...NEW, version: 'first', readAt: Date.now() }]]);
    expect(await cacheOf(stored, lock).cache.get(KEY, down)).toMatchObject({ cache: 'HIT' });
    expect(times()).toBe(1);
  });
});

it('A revalidation does not poll Redis while another replica holds the lock', async () => {
  const stored = new Map<string, StoredResponse>();
  const { cache, state } = cacheOf(stored, { state: 'contended' });
  await cache.get(KEY, () => Promise.resolve(OLD));
  const now = Date.now();
  jest.spyOn(Date, 'now').mockReturnValue(now + TTL_MS);
  // Newer, but of a version that this replica does not know: it counts as expired.
  stored.set(KEY, { ...NEW, version: 'second', readAt: Date.now() });
  expect(await cache.get(KEY, () => Promise.resolve(OLD))).toMatchObject({ cache: 'STALE' });
  await sleep(200);
  const { redisReads } = state;
  await sleep(200);
  expect(state.redisReads).toBe(redisReads);
});
