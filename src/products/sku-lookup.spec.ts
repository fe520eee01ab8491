import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

import type { Environment } from '../config/environment.js';
import { dependencyUnavailable } from '../problems/problem.js';
import type { CacheVersion } from '../response-cache/cache-version.js';
import type { ProductsRepository } from './products.repository.js';
import { SkuLookup } from './sku-lookup.js';

const TTL_MS = 60_000;
const STALE_MS = 10 * TTL_MS;
const UNAVAILABLE = { slug: 'dependency-unavailable' };
const NOT_FOUND = { slug: 'not-found', detail: 'There is no product with the id 1.' };

type Skus = Record<string, string>;

/** A lookup in these products, and the ids of each statement. */
function lookupIn(products: Skus) {
  const catalog = { products, version: 'first' };
  const statements: string[][] = [];
  let read = (found: Skus): Promise<Skus> => Promise.resolve(found);
  const repository = {
    skus: async (ids: string[]) => {
      statements.push(ids);
      const found = await read({ ...catalog.products });
      return new Map(Object.entries(found).filter(([id]) => ids.includes(id)));
    },
  } as unknown as ProductsRepository;
  const versions = {
    get known() {
      return catalog.version;
    },
    current: () => catalog.version,
  } as unknown as CacheVersion;
  const environment = { CACHE_TTL_MS: TTL_MS, CACHE_STALE_MS: STALE_MS } as Environment;
  return {
    lookup: new SkuLookup(repository, versions, environment),
    catalog,
    statements,
    reads: (changed: typeof read) => {
      read = changed;
    },
  };
}

afterEach(() => {
  jest.restoreAllMocks();
});

/** Moves the clock forward. */
function advance(milliseconds: number): void {
  const now = performance.now.bind(performance);
  jest.spyOn(performance, 'now').mockImplementation(() => now() + milliseconds);
}

const down = (): Promise<never> => Promise.reject(dependencyUnavailable('PostgreSQL is down.'));
const unresponsive = (): Promise<never> => new Promise(() => undefined);

/** Waits until this number of statements is sent. */
async function sent(statements: readonly unknown[], count: number): Promise<void> {
  while (statements.length < count) await nextTurn();
}

/** Reads that stay in progress until they are ended, and return the products of their start. */
function slowReads() {
  const pending: (() => void)[] = [];
  const read = (found: Skus): Promise<Skus> =>
    new Promise((resolve) => {
      pending.push(() => {
        resolve(found);
      });
    });
  return { read, end: (nth: number) => pending[nth]?.() };
}

describe(SkuLookup.name, () => {
  it('looks up all ids of a turn of the event loop in one statement, each once', async () => {
    const { lookup, statements } = lookupIn({ 1: 'A', 2: 'B', 3: 'C' });
    const skus = await Promise.all(['1', '2', '1', '3', '2'].map((id) => lookup.find(id)));
    expect(skus).toEqual(['A', 'B', 'A', 'C', 'B']);
    expect(statements).toEqual([['1', '2', '3']]);
  });

  it.each([
    [100, [100]],
    [101, [100, 1]],
    [250, [100, 100, 50]],
  ])('looks up %d ids in statements of %j', async (count, sizes) => {
    const ids = Array.from({ length: count }, (_, nth) => String(nth));
    const { lookup, statements } = lookupIn(Object.fromEntries(ids.map((id) => [id, `S-${id}`])));
    const skus = await Promise.all(ids.map((id) => lookup.find(id)));
    expect(skus).toEqual(ids.map((id) => `S-${id}`));
    expect(statements.map(({ length }) => length)).toEqual(sizes);
  });

  it('joins a lookup of the same id that is in progress', async () => {
    const { lookup, statements, reads } = lookupIn({ 1: 'A' });
    const { read, end } = slowReads();
    reads(read);
    const first = lookup.find('1');
    await sent(statements, 1);
    const second = lookup.find('1');
    await sleep(10);
    end(0);
    expect(await Promise.all([first, second])).toEqual(['A', 'A']);
    expect(statements).toEqual([['1']]);
  });

  it('fails only the ids that no product has', async () => {
    const { lookup } = lookupIn({ 2: 'B' });
    const missing = expect(lookup.find('1')).rejects.toMatchObject(NOT_FOUND);
    expect(await lookup.find('2')).toBe('B');
    await missing;
  });

  it('uses a cached sku until the TTL has passed', async () => {
    const { lookup, catalog, statements } = lookupIn({ 1: 'A' });
    await lookup.find('1');
    expect(await lookup.find('1')).toBe('A');
    expect(statements).toHaveLength(1);
    catalog.products = { 1: 'B' };
    advance(TTL_MS);
    expect(await lookup.find('1')).toBe('B');
  });

  it('reads again after the catalog has changed', async () => {
    const { lookup, catalog } = lookupIn({ 1: 'A' });
    await lookup.find('1');
    catalog.products = {};
    catalog.version = 'second';
    await expect(lookup.find('1')).rejects.toMatchObject(NOT_FOUND);
  });

  it('does not cache that a product is missing', async () => {
    const { lookup, catalog } = lookupIn({});
    await expect(lookup.find('1')).rejects.toMatchObject(NOT_FOUND);
    catalog.products = { 1: 'A' };
    expect(await lookup.find('1')).toBe('A');
  });

  it('reads again after a lookup has failed', async () => {
    const { lookup, reads } = lookupIn({ 1: 'A' });
    reads(down);
    await expect(lookup.find('1')).rejects.toMatchObject(UNAVAILABLE);
    reads((found) => Promise.resolve(found));
    expect(await lookup.find('1')).toBe('A');
  });
});

describe('While too many lookups wait, SkuLookup', () => {
  it('uses an expired sku, and refuses an id that is not cached', async () => {
    const { lookup, catalog, reads, statements } = lookupIn({ 1: 'A' });
    await lookup.find('1');
    catalog.version = 'second';
    reads(unresponsive);
    for (const id of ['2', '3']) {
      void lookup.find(id);
      await sent(statements, Number(id));
    }
    for (let id = 1000; id < 3000; id += 1) void lookup.find(String(id));
    await expect(lookup.find('4')).rejects.toMatchObject({ slug: 'overloaded' });
    expect(await lookup.find('1')).toBe('A');
    expect(statements).toEqual([['1'], ['2'], ['3']]);
  });
});

describe('While PostgreSQL is unavailable, SkuLookup', () => {
  it.each([
    ['fails', down],
    ['does not answer', unresponsive],
  ])('uses an expired sku when PostgreSQL %s', async (_, unavailable) => {
    const { lookup, catalog, reads } = lookupIn({ 1: 'A' });
    await lookup.find('1');
    catalog.version = 'second';
    reads(unavailable);
    expect(await lookup.find('1')).toBe('A');
  });

  it('does not use a sku older than CACHE_STALE_MS', async () => {
    const { lookup, reads } = lookupIn({ 1: 'A' });
    await lookup.find('1');
    advance(STALE_MS);
    reads(down);
    await expect(lookup.find('1')).rejects.toMatchObject(UNAVAILABLE);
  });

  it('does not use the sku of a product that was deleted', async () => {
    const { lookup, catalog, reads } = lookupIn({ 1: 'A' });
    await lookup.find('1');
    catalog.products = {};
    catalog.version = 'second';
    await expect(lookup.find('1')).rejects.toMatchObject(NOT_FOUND);
    reads(down);
    await expect(lookup.find('1')).rejects.toMatchObject(UNAVAILABLE);
  });

  it('does not use a sku that was read before a later lookup found the product deleted', async () => {
    const { lookup, catalog, reads, statements } = lookupIn({ 1: 'A' });
    const { read, end } = slowReads();
    reads(read);
    const early = lookup.find('1');
    await sent(statements, 1);
    catalog.products = {};
    catalog.version = 'second';
    const late = expect(lookup.find('1')).rejects.toMatchObject(NOT_FOUND);
    await sent(statements, 2);
    end(1);
    await late;
    end(0);
    expect(await early).toBe('A');
    reads(down);
    await expect(lookup.find('1')).rejects.toMatchObject(UNAVAILABLE);
  });
});
