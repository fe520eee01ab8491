import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

import type { RedisServer } from '../../dev/redis-server.js';
import { type Answer, ask, type ProductPage } from '../support/answer.js';
import { createDatabase, type Database } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { insertProducts } from '../support/products.js';
import { startRedis } from '../support/redis-server.js';
import { type Service, startReadyService } from '../support/service.js';
import { SECRET, send, upserted } from '../support/signed-event.js';

const TTL_MS = 3000;
const VERSION_KEY = 'farmlokal:catalogue-version';

describe('The page cache', () => {
  let database: Database;
  let redis: RedisServer;
  let one: Service;
  let two: Service;
  let sku: string;
  let revision = 0;
  let listings = 0;
  let path: string;
  let lock: pg.Client | undefined;

  beforeAll(async () => {
    [database, redis] = await Promise.all([createDatabase(), startRedis()]);
    await insertProducts(database, [{ name: 'Before' }, { name: 'Second' }]);
    const [first] = await database.query<{ sku: string }>('SELECT sku FROM products WHERE id = 1');
    sku = first?.sku ?? '';
    const env = {
      DATABASE_URL: database.url,
      REDIS_URL: redis.url,
      CACHE_TTL_MS: String(TTL_MS),
      WEBHOOK_SECRETS: SECRET,
    };
    [one, two] = await Promise.all([startReadyService(env), startReadyService(env)]);
  });

  afterAll(async () => {
    await Promise.all([one, two].map((service) => service.stop()));
    await Promise.all([database.drop(), redis.stop()]);
  });

  beforeEach(async () => {
    await rename('Before');
    // A listing of its own for each spec, so that none finds another's pages.
    path = `/api/products?limit=100&maxPrice=${(listings += 1)}00000`;
  });

  // Also when a spec fails: the next ones must not wait for it.
  afterEach(releaseProducts);

  async function rename(name: string): Promise<void> {
    await database.query('UPDATE products SET name = $1 WHERE id = 1', [name]);
  }

  async function page(
    service: Service,
    headers: Record<string, string> = {},
  ): Promise<Answer<ProductPage>> {
    return await ask<ProductPage>(`${service.url}${path}`, { headers });
  }

  function summary({ status, headers, body }: Answer<ProductPage>) {
    return { status, cache: headers.get('x-cache'), name: body.data[0]?.name };
  }

  /** Has a replica take an event that renames the first product. */
  async function change(service: Service, name: string): Promise<void> {
    const { status } = await send(service.url, upserted(sku, (revision += 1), { name }));
    expect(status).toBe(200);
  }

  /** Holds the products back, so that the queries that wait for them can be counted. */
  async function lockProducts(): Promise<void> {
    lock = new pg.Client(database.url);
    await lock.connect();
    await lock.query('BEGIN; LOCK TABLE products IN ACCESS EXCLUSIVE MODE');
  }

  async function releaseProducts(): Promise<void> {
    await lock?.end();
    lock = undefined;
  }

  async function waitingQueries(): Promise<number> {
    const [row] = await database.query<{ waiting: number }>(
      `SELECT count(*)::int AS waiting FROM pg_stat_activity
       WHERE wait_event_type = 'Lock' AND datname = current_database()`,
    );
    return row?.waiting ?? 0;
  }

  it('reads a page once, for both replicas, and sends the same bytes', async () => {
    const first = await page(one);
    expect(summary(first)).toEqual({ status: 200, cache: 'MISS', name: 'Before' });
    expect(first.headers.get('age')).toBeNull();

    const again = await page(one);
    expect(summary(again).cache).toBe('HIT');
    expect(again.headers.get('age')).toMatch(/^\d+$/);

    const elsewhere = await eventually(async () => {
      const answer = await page(two);
      return summary(answer).cache === 'HIT' ? answer : undefined;
    });
    expect(elsewhere.headers.get('etag')).toBe(first.headers.get('etag'));
    expect(elsewhere.body).toEqual(first.body);
  });

  it('knows a request by what it means, not by its spelling', async () => {
    await page(one);
    path = `${path}.0&sort=id&order=asc`;
    expect(summary(await page(one)).cache).toBe('HIT');
  });

  it('answers 304 to the ETag it gave, with the same headers and no body', async () => {
    const { headers } = await page(one);
    const etag = headers.get('etag') ?? '';
    const unchanged = await page(one, { 'If-None-Match': etag });
    expect(unchanged.status).toBe(304);
    expect(unchanged.body).toBe('');
    expect(unchanged.headers.get('etag')).toBe(etag);
    expect(unchanged.headers.get('cache-control')).toBe('public, no-cache');
    expect(summary(await page(one, { 'If-None-Match': '"other"' })).status).toBe(200);
  });

  it('answers a HEAD as the GET, without a length where the GET has none', async () => {
    const { headers } = await page(one);
    const head = (condition: Record<string, string>) =>
      ask(one.url + path, { method: 'HEAD', headers: condition });
    const whole = await head({});
    expect(whole.status).toBe(200);
    expect(whole.headers.get('content-length')).toBe(headers.get('content-length'));
    const unchanged = await head({ 'If-None-Match': headers.get('etag') ?? '' });
    expect(unchanged.status).toBe(304);
    expect(unchanged.headers.get('content-length')).toBeNull();
    expect(unchanged.headers.get('etag')).toBe(headers.get('etag'));
  });

  it('makes one query of a hundred requests for a page that is not there', async () => {
    await lockProducts();
    const answers = Promise.all(Array.from({ length: 100 }, () => page(one)));
    await eventually(async () => ((await waitingQueries()) > 0 ? true : undefined));
    await sleep(200);
    expect(await waitingQueries()).toBe(1);
    await releaseProducts();
    for (const answer of await answers) {
      expect(summary(answer)).toEqual({ status: 200, cache: 'MISS', name: 'Before' });
    }
  });

  it('serves a page for one more TTL while one replica reads it anew', async () => {
    await page(one);
    await eventually(async () => (summary(await page(two)).cache === 'HIT' ? true : undefined));
    await rename('After');
    await sleep(TTL_MS + 50);
    await lockProducts();
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, nth) => page(nth % 2 === 0 ? one : two)),
    );
    for (const answer of answers) {
      expect(summary(answer)).toEqual({ status: 200, cache: 'STALE', name: 'Before' });
    }
    await eventually(async () => ((await waitingQueries()) > 0 ? true : undefined));
    expect(await waitingQueries()).toBe(1);
    await releaseProducts();
    for (const replica of [one, two]) {
      await eventually(async () =>
        summary(await page(replica)).name === 'After' ? true : undefined,
      );
    }
  });

  it('serves no page past two TTLs while PostgreSQL answers', async () => {
    await page(one);
    await rename('After');
    await sleep(2 * TTL_MS + 50);
    expect(summary(await page(one))).toEqual({ status: 200, cache: 'MISS', name: 'After' });
  });

  it('follows a change at once where it was taken, and within a second elsewhere', async () => {
    await page(one);
    await eventually(async () => (summary(await page(two)).cache === 'HIT' ? true : undefined));
    await change(one, 'After');
    const changedAt = Date.now();
    expect(summary(await page(one))).toEqual({ status: 200, cache: 'MISS', name: 'After' });
    while (Date.now() - changedAt < 1000) {
      await page(two);
      await sleep(20);
    }
    expect(summary(await page(two)).name).toBe('After');
  });

  it('follows a change on a replica that nobody asked for a while', async () => {
    await page(one);
    await page(two);
    await sleep(700);
    await change(one, 'After');
    await sleep(600);
    expect(summary(await page(two)).name).toBe('After');
  });

  it('follows a change for every request that arrives while it asks', async () => {
    await page(one);
    await page(two);
    await sleep(1500);
    await change(one, 'After');
    await sleep(600);
    const answers = await Promise.all(Array.from({ length: 20 }, () => page(two)));
    expect(answers.map((answer) => summary(answer).name)).toEqual(answers.map(() => 'After'));
  });

  it.each<[string, (client: Redis, mark: string) => Promise<unknown>]>([
    ['emptied', (client) => client.flushall()],
    ['rolled back', (client, mark) => client.set(VERSION_KEY, mark)],
  ])('never takes an old page for a young one, though Redis is %s', async (_, spoil) => {
    const client = new Redis(redis.url);
    await page(one);
    await page(two);
    const mark = (await client.get(VERSION_KEY)) ?? '';
    await change(one, 'After');
    await spoil(client, mark);
    for (let nth = 0; nth < 75; nth += 1) {
      expect(summary(await page(one)).name).toBe('After');
      if (nth > 50) expect(summary(await page(two)).name).toBe('After');
      await sleep(20);
    }
    client.disconnect();
  });
});
