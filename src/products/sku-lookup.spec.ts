import { describe, expect, it, jest } from '@jest/globals';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

import type { Database } from '../database/database.js';
import type { Environment } from '../config/environment.js';
import { dependencyUnavailable } from '../problems/problem.js';
import type { CatalogVersion } from '../response-cache/catalog-version.js';
import type { ProductsRepository } from './products.repository.js';
import { SkuLookup } from './sku-lookup.js';

const TTL_MS = 200;
const UNAVAILABLE = { slug: 'dependency-unavailable' };
const NOT_FOUND = { slug: 'not-found', detail: 'There is no product with the id 1.' };

type Skus = Record<string, string>;

/** A lookup in a table of products, which counts statements. */
function lookupIn(products: Skus, { staleMs = 60_000 } = {}) {
  const catalogue = { products, version: 'first' };
  const statements: string[][] = [];
  let read = (found: Skus): Promise<Skus> => Promise.resolve(found);
  const repository = {
    skus: async (ids: string[]) => {
      statements.push(ids);
      const found = await read({ ...catalogue.products });
      return new Map(Object.entries(found).filter(([id]) => ids.includes(id)));
    },
  } as unknown as ProductsRepository;
  const versions = {
    get known() {
      return catalogue.version;
    },
    current: () => catalogue.version,
  } as unknown as CatalogVersion;
  const environment = {
    CACHE_TTL_MS: TTL_MS,
    CACHE_STALE_MS: staleMs,
    DATABASE_POOL_MAX: 1,
  } as Environment;
  return {
    lookup: new SkuLookup(repository, versions, { isAnswering: true } as Database, environment),
    catalogue,
    statements,
    reads: (changed: typeof read) => {
      read = changed;
    },
  };
}

const down = (): Promise<never> => Promise.reject(dependencyUnavailable('PostgreSQL is down.'));
const silent = (): Promise<never> => new Promise(() => undefined);

/** Waits until so many statements were sent. */
async function sent(statements: readonly unknown[], count: number): Promise<void> {
  while (statements.length < count) await nextTurn();
}

/** Reads that end when told, with what was there when they began. */
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
  it('looks up all ids of a turn by one statement, each once', async () => {
    const { lookup, statements } = lookupIn({ 1: 'A', 2: 'B', 3: 'C' });
    const skus = await Promise.all(['1', '2', '1', '3', '2'].map((id) => lookup.find(id)));
    expect(skus).toEqual(['A', 'B', 'A', 'C', 'B']);
    expect(statements).toEqual([['1', '2', '3']]);
  });

  it.each([
    [100, [100]],
    [101, [100, 1]],
    [250, [100, 100, 50]],
  ])('looks up %d ids by statements of %j', async (count, sizes) => {
    const ids = Array.from({ length: count }, (_, nth) => String(nth));
    const { lookup, statements } = lookupIn(Object.fromEntries(ids.map((id) => [id, `S-${id}`])));
    const skus = await Promise.all(ids.map((id) => lookup.find(id)));
    expect(skus).toEqual(ids.map((id) => `S-${id}`));
    expect(statements.map(({ length }) => length)).toEqual(sizes);
  });

  it('joins a lookup of the same id that is not answered yet', async () => {
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

  it('fails only the ids of which there is no product', async () => {
    const { lookup } = lookupIn({ 2: 'B' });
    const missing = expect(lookup.find('1')).rejects.toMatchObject(NOT_FOUND);
    expect(await lookup.find('2')).toBe('B');
    await missing;
  });

  it('uses a sku again until the TTL has passed', async () => {
    const { lookup, catalogue, statements } = lookupIn({ 1: 'A' });
    await lookup.find('1');
    expect(await lookup.find('1')).toBe('A');
    expect(statements).toHaveLength(1);
    catalogue.products = { 1: 'B' };
    await sleep(TTL_MS + 1);
    expect(await lookup.find('1')).toBe('B');
  });

  it('reads again after a change of the catalogue', async () => {
    const { lookup, catalogue } = lookupIn({ 1: 'A' });
    await lookup.find('1');
    catalogue.products = {};
    catalogue.version = 'second';
    await expect(lookup.find('1')).rejects.toMatchObject(NOT_FOUND);
  });

  it('finds a product as soon as it is there', async () => {
    const { lookup, catalogue } = lookupIn({});
    await expect(lookup.find('1')).rejects.toMatchObject(NOT_FOUND);
    catalogue.products = { 1: 'A' };
    expect(await lookup.find('1')).toBe('A');
  });

  it('reads again when a lookup fails', async () => {
    const { lookup, reads } = lookupIn({ 1: 'A' });
    reads(down);
    await expect(lookup.find('1')).rejects.toMatchObject(UNAVAILABLE);
    reads((found) => Promise.resolve(found));
    expect(await lookup.find('1')).toBe('A');
  });
});

describe('While one more statement would take too long, SkuLookup', () => {
  it('sends none, and uses an expired sku', async () => {
    const { lookup, reads, statements } = lookupIn({ 1: 'A', 2: 'B' });
    await lookup.find('1');
    const now = performance.now.bind(performance);
    let aheadMs = 0;
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => now() + aheadMs);
    reads((found) => {
      aheadMs = 30_000;
      return Promise.resolve(found);
    });
    await lookup.find('2');
    reads(silent);
    void lookup.find('3');
    await sent(statements, 3);
    expect(await lookup.find('1')).toBe('A');
    await expect(lookup.find('4')).rejects.toMatchObject({ slug: 'overloaded' });
    expect(statements).toHaveLength(3);
    clock.mockRestore();
  });
});

describe('While PostgreSQL is unavailable, SkuLookup', () => {
  it.each([
    ['fails', down],
    ['does not answer', silent],
  ])('uses an expired sku, when it %s', async (_, unavailable) => {
    const { lookup, catalogue, reads } = lookupIn({ 1: 'A' });
    await lookup.find('1');
    catalogue.version = 'second';
    reads(unavailable);
    expect(await lookup.find('1')).toBe('A');
  });

  it('uses no sku that is too old', async () => {
    const { lookup, reads } = lookupIn({ 1: 'A' }, { staleMs: TTL_MS });
    await lookup.find('1');
    await sleep(TTL_MS + 1);
    reads(down);
    await expect(lookup.find('1')).rejects.toMatchObject(UNAVAILABLE);
  });

  it('does not bring back a product that was deleted', async () => {
    const { lookup, catalogue, reads } = lookupIn({ 1: 'A' });
    await lookup.find('1');
    catalogue.products = {};
    catalogue.version = 'second';
    await expect(lookup.find('1')).rejects.toMatchObject(NOT_FOUND);
    reads(down);
    await expect(lookup.find('1')).rejects.toMatchObject(UNAVAILABLE);
  });

  it('does not bring back a product that a later lookup found deleted', async () => {
    const { lookup, catalogue, reads, statements } = lookupIn({ 1: 'A' });
    const { read, end } = slowReads();
    reads(read);
    const early = lookup.find('1');
    await sent(statements, 1);
    catalogue.products = {};
    catalogue.version = 'second';
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
