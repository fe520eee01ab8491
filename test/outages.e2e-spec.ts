import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';

import type { PostgresServer } from '../dev/postgres-server.js';
import type { RedisServer } from '../dev/redis-server.js';
import { type Answer, ask, type ProblemBody, type ProductPage } from './support/answer.js';
import { createDatabase, type Database } from './support/database.js';
import { eventually } from './support/eventually.js';
import { startPostgres } from './support/postgres-server.js';
import { insertProducts } from './support/products.js';
import { startRedis } from './support/redis-server.js';
import { type Service, startService } from './support/service.js';

const TTL_MS = 200;

let postgres: PostgresServer;
let redis: RedisServer;
let database: Database;
let service: Service;
let limits = 0;

beforeAll(async () => {
  [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
  database = await createDatabase(postgres);
  await insertProducts(database, [{ name: 'One' }, { name: 'Two' }]);
  service = await startService({
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    CACHE_TTL_MS: String(TTL_MS),
    CACHE_STALE_MS: '60000',
    DATABASE_STATEMENT_TIMEOUT_MS: '2000',
    SHUTDOWN_DELAY_MS: '0',
  });
  await recovered();
});

afterAll(async () => {
  await service.stop();
  await Promise.all([postgres.stop(), redis.stop()]);
});

/** A listing that nobody has asked for yet. */
function unseen(): string {
  return `${service.url}/api/products?limit=100&maxPrice=${(limits += 1)}00000`;
}

async function recovered(): Promise<void> {
  await eventually(async () => ((await ask(unseen())).status === 200 ? true : undefined));
}

function cacheOf({ status, headers }: Answer<unknown>) {
  return { status, cache: headers.get('x-cache') };
}

function expectUnavailable({ status, headers, body }: Answer<ProblemBody>): void {
  expect(status).toBe(503);
  expect(body.type).toBe('urn:problem-type:farmlokal:dependency-unavailable');
  expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  expect(headers.get('content-type')).toContain('application/problem+json');
}

describe('With PostgreSQL down', () => {
  afterEach(async () => {
    await postgres.restart();
    await recovered();
  });

  it('pages are served stale, with their age; what is not cached is a 503', async () => {
    const url = unseen();
    const product = `${service.url}/api/products/1`;
    const before = await ask<ProductPage>(url);
    await ask(product);
    await sleep(2 * TTL_MS + 50);
    await postgres.kill();

    for (let nth = 0; nth < 20; nth += 1) {
      const during = await ask<ProductPage>(url);
      expect(cacheOf(during)).toEqual({ status: 200, cache: 'STALE' });
      expect(during.headers.get('age')).toMatch(/^\d+$/);
      expect(during.body).toEqual(before.body);
    }
    expect(cacheOf(await ask(product))).toEqual({ status: 200, cache: 'STALE' });
    expectUnavailable(await ask<ProblemBody>(unseen()));
    expectUnavailable(await ask<ProblemBody>(`${service.url}/api/products/2`));
    expect((await ask(`${service.url}/health/live`)).status).toBe(200);
    expect((await ask(`${service.url}/health/ready`)).status).toBe(200);
  });

  it('a product that is gone does not come back', async () => {
    const product = `${service.url}/api/products/2`;
    await ask(product);
    await database.query('UPDATE products SET deleted_at = now() WHERE id = 2');
    await sleep(2 * TTL_MS + 50);
    expect((await ask(product)).status).toBe(404);
    await postgres.kill();
    expectUnavailable(await ask<ProblemBody>(product));
  });

  it('pages are read again once it is back, without a restart', async () => {
    const url = unseen();
    await ask(url);
    await postgres.kill();
    await sleep(2 * TTL_MS + 50);
    expect(cacheOf(await ask(url)).cache).toBe('STALE');
    await postgres.restart();
    await eventually(async () => (cacheOf(await ask(url)).cache !== 'STALE' ? true : undefined));
  });

  it('Redis being down as well changes nothing', async () => {
    const url = unseen();
    await ask(url);
    await Promise.all([postgres.kill(), redis.kill()]);
    await sleep(2 * TTL_MS + 50);
    expect(cacheOf(await ask(url))).toEqual({ status: 200, cache: 'STALE' });
    expectUnavailable(await ask<ProblemBody>(unseen()));
    await redis.restart();
  });
});

describe('With PostgreSQL frozen', () => {
  it('pages are served stale all the same, and the rest ends in a 503 within its deadline', async () => {
    const url = unseen();
    await ask(url);
    await sleep(2 * TTL_MS + 50);
    await postgres.pause();
    try {
      expect(cacheOf(await ask(url))).toEqual({ status: 200, cache: 'STALE' });
      expectUnavailable(await ask<ProblemBody>(unseen()));
    } finally {
      await postgres.resume();
    }
    await recovered();
  });

  it('more requests than can wait are refused at once', async () => {
    await postgres.pause();
    try {
      const answers = await Promise.all(
        Array.from({ length: 700 }, () => ask<ProblemBody>(unseen())),
      );
      answers.forEach(expectUnavailable);
      expect(answers.some(({ body }) => body.detail.includes('too busy'))).toBe(true);
    } finally {
      await postgres.resume();
    }
    await recovered();
  });
});

describe('With Redis', () => {
  it.each<[string, () => Promise<void>, () => Promise<void>]>([
    ['killed', () => redis.kill(), () => redis.restart()],
    ['frozen', () => redis.pause(), () => redis.resume()],
  ])('%s, no request fails, and it is used again when it is back', async (_, fail, revive) => {
    await fail();
    for (let nth = 0; nth < 40; nth += 1) {
      const url = unseen();
      expect(cacheOf(await ask(url))).toEqual({ status: 200, cache: 'MISS' });
      expect(cacheOf(await ask(url))).toEqual({ status: 200, cache: 'HIT' });
      await sleep(10);
    }
    await revive();
    const other = await startService({
      DATABASE_URL: database.url,
      REDIS_URL: redis.url,
      CACHE_TTL_MS: '60000',
      SHUTDOWN_DELAY_MS: '0',
    });
    await eventually(async () => {
      const path = new URL(unseen()).search;
      await ask(`${service.url}/api/products${path}`);
      const shared = await ask(`${other.url}/api/products${path}`);
      return cacheOf(shared).cache === 'HIT' ? true : undefined;
    });
    await other.stop();
  });

  it('out of memory, no request fails', async () => {
    const { Redis } = await import('ioredis');
    const client = new Redis(redis.url);
    await client.config('SET', 'maxmemory', '1');
    try {
      for (let nth = 0; nth < 10; nth += 1) {
        expect(cacheOf(await ask(unseen()))).toEqual({ status: 200, cache: 'MISS' });
      }
    } finally {
      await client.config('SET', 'maxmemory', '0');
      client.disconnect();
    }
  });

  it('holding garbage, no request fails', async () => {
    const { Redis } = await import('ioredis');
    const client = new Redis(redis.url);
    const url = new URL(unseen());
    await client.set(`farmlokal:page:${url.pathname}${url.search}.00`, 'not a page');
    await client.lpush(`farmlokal:page:${url.pathname}${url.search}0.00`, 'not a string');
    expect((await ask(url.href)).status).toBe(200);
    expect((await ask(`${url.href}0`)).status).toBe(200);
    client.disconnect();
  });
});
