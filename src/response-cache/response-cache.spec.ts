import { describe, expect, it, jest } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { Registry } from 'prom-client';

import type { Database } from '../database/database.js';
import type { Environment } from '../config/environment.js';
import { dependencyUnavailable, Problem } from '../problems/problem.js';
import type { Lock, RedisLock } from '../redis/redis-lock.js';
import type { CatalogVersion } from './catalog-version.js';
import { createCachedResponse, type CachedResponse } from './cached-response.js';
import { ResponseCache } from './response-cache.js';
import type { RedisResponseStore, StoredResponse } from './redis-response-store.js';

const KEY = '/api/products/1';
const [OLD, NEW] = [createCachedResponse(['"old"']), createCachedResponse(['"new"'])];

/** A page cache in front of a Redis that holds these pages, and in which the lock on reading is as told. */
function cacheOf(stored: Map<string, StoredResponse>, lock: Lock) {
  const version = { mark: 'first', asked: 0 };
  const store = {
    get: (key: string) => {
      version.asked += 1;
      return Promise.resolve(stored.get(key));
    },
    set: (key: string, page: StoredResponse) => Promise.resolve(stored.set(key, page)),
    delete: (key: string) => Promise.resolve(stored.delete(key)),
  } as unknown as RedisResponseStore;
  const versions = {
    shared: true,
    get known() {
      return version.mark;
    },
    current: () => version.mark,
  } as unknown as CatalogVersion;
  const database = { isAnswering: true } as Database;
  const locks = { acquire: () => Promise.resolve(lock) } as unknown as RedisLock;
  const environment = {
    CACHE_TTL_MS: 50,
    CACHE_STALE_MS: 60_000,
    DATABASE_POOL_MAX: 1,
  } as Environment;
  return {
    cache: new ResponseCache(store, versions, locks, database, environment, new Registry()),
    version,
  };
}

const FREE: Lock = { state: 'acquired', release: () => Promise.resolve() };

/** What a read finds once it is told. */
function pendingRead() {
  let find: (page: CachedResponse) => void = () => undefined;
  const found = new Promise<CachedResponse>((resolve) => {
    find = resolve;
  });
  return { read: () => found, find };
}

const gone = (): Promise<CachedResponse> => Promise.reject(new Problem('not-found', 'It is gone.'));
const down = (): Promise<CachedResponse> =>
  Promise.reject(dependencyUnavailable('PostgreSQL is down.'));

describe('With more reads than PostgreSQL can serve', () => {
  const found = (): Promise<CachedResponse> => Promise.resolve(NEW);
  /** Takes six seconds, by the clock that reads are measured with. */
  const slowly = (): Promise<CachedResponse> => {
    const sixSecondsLater = performance.now() + 6000;
    jest.spyOn(performance, 'now').mockReturnValueOnce(sixSecondsLater);
    return Promise.resolve(OLD);
  };

  it('refuses a page that is not in memory, serves those that are, and joins a read that runs', async () => {
    const { cache, version } = cacheOf(new Map(), FREE);
    const slow = pendingRead();
    await cache.get('/known', () => Promise.resolve(OLD));
    // One read at a time, and one has taken six seconds.
    await cache.get('/slow', slowly);
    const first = cache.get(KEY, slow.read);
    const { asked } = version;
    expect(() => cache.get('/unknown', found)).toThrow('too many requests');
    expect(version.asked).toBe(asked);
    const second = cache.get(KEY, found);
    expect(await cache.get('/known', found)).toMatchObject({ cache: 'HIT' });
    version.mark = 'second';
    expect(await cache.get('/known', found)).toMatchObject({ cache: 'STALE' });
    slow.find(OLD);
    expect((await first).page.body).toEqual(OLD.body);
    expect((await second).page.body).toEqual(OLD.body);
    expect(await cache.get('/unknown', found)).toMatchObject({ cache: 'MISS' });
  });

  it('does not measure a slow outage, also when it serves a stale response', async () => {
    const { cache, version } = cacheOf(new Map(), FREE);
    await cache.get('/known', found);
    version.mark = 'second';
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

describe('A read that a change has overtaken', () => {
  it('does not bring back what a later one has found gone', async () => {
    const stored = new Map<string, StoredResponse>();
    const { cache, version } = cacheOf(stored, FREE);
    const slow = pendingRead();
    const first = cache.get(KEY, slow.read);
    version.mark = 'second';
    await expect(cache.get(KEY, gone)).rejects.toThrow('It is gone.');
    slow.find(OLD);
    expect(await first).toMatchObject({ page: { body: OLD.body }, cache: 'MISS' });
    expect(stored.size).toBe(0);
    await expect(cache.get(KEY, down)).rejects.toThrow('PostgreSQL is down.');
  });

  it('does not replace what a later one has found', async () => {
    const { cache, version } = cacheOf(new Map(), FREE);
    const slow = pendingRead();
    const first = cache.get(KEY, slow.read);
    await sleep(2);
    version.mark = 'second';
    await cache.get(KEY, () => Promise.resolve(NEW));
    slow.find(OLD);
    await first;
    expect(await cache.get(KEY, down)).toMatchObject({ page: { body: NEW.body }, cache: 'HIT' });
  });
});

describe('The lock on reading a page', () => {
  const released = (): { lock: Lock; times: () => number } => {
    let count = 0;
    const release = (): Promise<void> => {
      count += 1;
      return Promise.resolve();
    };
    return { lock: { state: 'acquired', release }, times: () => count };
  };

  it('is left to expire once there is a page to find', async () => {
    const { lock, times } = released();
    const { cache } = cacheOf(new Map(), lock);
    await cache.get(KEY, () => Promise.resolve(NEW));
    expect(times()).toBe(0);
  });

  it('is given back when nothing was read, be it that an older page stands in', async () => {
    const { lock, times } = released();
    const { cache, version } = cacheOf(new Map(), lock);
    await expect(cache.get(KEY, down)).rejects.toThrow('PostgreSQL is down.');
    expect(times()).toBe(1);
    await cache.get(KEY, () => Promise.resolve(OLD));
    version.mark = 'second';
    expect(await cache.get(KEY, down)).toMatchObject({ cache: 'STALE' });
    expect(times()).toBe(2);
  });

  it('is given back when another replica has stored the page by then', async () => {
    const { lock, times } = released();
    const stored = new Map([[KEY, { ...NEW, version: 'first', readAt: Date.now() }]]);
    expect(await cacheOf(stored, lock).cache.get(KEY, down)).toMatchObject({ cache: 'HIT' });
    expect(times()).toBe(1);
  });
});

it('A page that is read anew in the background is not asked for over and over while another replica reads it', async () => {
  const stored = new Map<string, StoredResponse>();
  const { cache, version } = cacheOf(stored, { state: 'contended' });
  await cache.get(KEY, () => Promise.resolve(OLD));
  await sleep(60);
  // Younger, but of a mark that this replica has not heard of: as good as none.
  stored.set(KEY, { ...NEW, version: 'second', readAt: Date.now() });
  expect(await cache.get(KEY, () => Promise.resolve(OLD))).toMatchObject({ cache: 'STALE' });
  await sleep(200);
  const { asked } = version;
  await sleep(200);
  expect(version.asked).toBe(asked);
});
