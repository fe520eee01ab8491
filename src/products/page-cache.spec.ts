import { describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { Registry } from 'prom-client';

import type { Environment } from '../config/environment.js';
import type { Database } from '../database/database.js';
import { dependencyUnavailable, overloaded, Problem } from '../problems/problem.js';
import type { Lock, RedisLock } from '../redis/redis-lock.js';
import type { CatalogueVersion } from './catalogue-version.js';
import { createPage, type Page } from './page.js';
import { PageCache } from './page-cache.js';
import type { PageStore, StoredPage } from './page-store.js';

const KEY = '/api/products/1';
const [OLD, NEW] = [createPage(['"old"']), createPage(['"new"'])];

/** A page cache in front of a Redis that holds these pages, and in which the lock on reading is as told. */
function cacheOf(stored: Map<string, StoredPage>, lock: Lock) {
  const version = { mark: 'first', asked: 0 };
  const refusal: { problem: Problem | undefined } = { problem: undefined };
  const store = {
    get: (key: string) => {
      version.asked += 1;
      return Promise.resolve(stored.get(key));
    },
    set: (key: string, page: StoredPage) => Promise.resolve(stored.set(key, page)),
    delete: (key: string) => Promise.resolve(stored.delete(key)),
  } as unknown as PageStore;
  const versions = {
    shared: true,
    get known() {
      return version.mark;
    },
    current: () => version.mark,
  } as unknown as CatalogueVersion;
  const database = { refuseRead: () => refusal.problem } as unknown as Database;
  const locks = { acquire: () => Promise.resolve(lock) } as unknown as RedisLock;
  const environment = { CACHE_TTL_MS: 50, CACHE_STALE_MS: 60_000 } as Environment;
  return {
    refusal,
    cache: new PageCache(store, versions, locks, database, environment, new Registry()),
    version,
  };
}

const FREE: Lock = { state: 'owned', release: () => Promise.resolve() };

/** What a read finds once it is told. */
function pendingRead() {
  let find: (page: Page) => void = () => undefined;
  const found = new Promise<Page>((resolve) => {
    find = resolve;
  });
  return { read: () => found, find };
}

const gone = (): Promise<Page> => Promise.reject(new Problem('not-found', 'It is gone.'));
const down = (): Promise<Page> => Promise.reject(dependencyUnavailable('PostgreSQL is down.'));

describe('With more reads than PostgreSQL can serve', () => {
  const found = (): Promise<Page> => Promise.resolve(NEW);

  it('refuses a page that is not in memory before Redis is asked', async () => {
    const { cache, refusal, version } = cacheOf(new Map(), FREE);
    refusal.problem = overloaded('Too many requests.');
    expect(() => cache.get(KEY, found)).toThrow('Too many requests.');
    expect(version.asked).toBe(0);
    refusal.problem = undefined;
    expect(await cache.get(KEY, found)).toMatchObject({ cache: 'MISS' });
  });

  it('serves a fresh page, joins a read that runs, and serves a stale page instead of reading', async () => {
    const { cache, refusal, version } = cacheOf(new Map(), FREE);
    const slow = pendingRead();
    const first = cache.get(KEY, slow.read);
    refusal.problem = overloaded('Too many requests.');
    const second = cache.get(KEY, found);
    slow.find(OLD);
    expect((await first).page.body).toEqual(OLD.body);
    expect((await second).page.body).toEqual(OLD.body);
    expect(await cache.get(KEY, found)).toMatchObject({ cache: 'HIT' });
    version.mark = 'second';
    expect(await cache.get(KEY, found)).toMatchObject({ cache: 'STALE', page: { body: OLD.body } });
  });
});

describe('A read that a change has overtaken', () => {
  it('does not bring back what a later one has found gone', async () => {
    const stored = new Map<string, StoredPage>();
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
    return { lock: { state: 'owned', release }, times: () => count };
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
  const stored = new Map<string, StoredPage>();
  const { cache, version } = cacheOf(stored, { state: 'held' });
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
