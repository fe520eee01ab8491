import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

import type { RedisServer } from '../../dev/redis-server.js';
import { type HttpResponse, httpFetch, type ProductPage } from '../support/http.js';
import { createDatabase, type Database } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { insertProducts } from '../support/products.js';
import { startRedis } from '../support/redis-server.js';
import { type Service, startReadyService } from '../support/service.js';
import { SECRET, send, upserted } from '../support/signed-event.js';

const TTL_MS = 3000;
const VERSION_KEY = 'farmlokal:catalogue-version';

describe('The response cache', () => {
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
    // Each test has a listing of its own, so that no other test has cached its pages.
    path = `/api/products?limit=100&maxPrice=${(listings += 1)}00000`;
  });

  // A failed test must not block the next ones.
  afterEach(releaseProducts);

  async function rename(name: string): Promise<void> {
    await database.query('UPDATE products SET name = $1 WHERE id = 1', [name]);
  }

  async function page(
    service: Service,
    headers: Record<string, string> = {},
  ): Promise<HttpResponse<ProductPage>> {
    return await httpFetch<ProductPage>(`${service.url}${path}`, { headers });
  }

  function summary({ status, headers, body }: HttpResponse<ProductPage>) {
    return { status, cache: headers.get('x-cache'), name: body.data[0]?.name };
  }

  /** Has a replica take an event that renames the first product. */
  async function change(service: Service, name: string): Promise<void> {
    const { status } = await send(service.url, upserted(sku, (revision += 1), { name }));
    expect(status).toBe(200);
  }

  /** Locks the products, so that waiting queries can be counted. */
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

  it('reads a page once for both replicas, which send the same bytes', async () => {
    const first = await page(one);
    expect(summary(first)).toEqual({ status: 200, cache: 'MISS', name: 'Before' });
    expect(first.headers.get('age')).toBeNull();

    const again = await page(one);
    expect(summary(again).cache).toBe('HIT');
    expect(again.headers.get('age')).toMatch(/^\d+$/);

    const elsewhere = await eventually(async () => {
      const response = await page(two);
      return summary(response).cache === 'HIT' ? response : undefined;
    });
    expect(elsewhere.headers.get('etag')).toBe(first.headers.get('etag'));
    expect(elsewhere.body).toEqual(first.body);
  });

  it('has one entry for all spellings of a request', async () => {
    await page(one);
    path = `${path}.0&sort=id&order=asc`;
    expect(summary(await page(one)).cache).toBe('HIT');
  });

  it('answers 304 to its own ETag, with the same headers and no body', async () => {
    const { headers } = await page(one);
    const etag = headers.get('etag') ?? '';
    const unchanged = await page(one, { 'If-None-Match': etag });
    expect(unchanged.status).toBe(304);
    expect(unchanged.body).toBe('');
    expect(unchanged.headers.get('etag')).toBe(etag);
    expect(unchanged.headers.get('cache-control')).toBe('public, no-cache');
    expect(summary(await page(one, { 'If-None-Match': '"other"' })).status).toBe(200);
  });

  it('answers HEAD as GET, with Content-Length only where GET has it', async () => {
    const { headers } = await page(one);
    const head = (condition: Record<string, string>) =>
      httpFetch(one.url + path, { method: 'HEAD', headers: condition });
    const whole = await head({});
    expect(whole.status).toBe(200);
    expect(whole.headers.get('content-length')).toBe(headers.get('content-length'));
    const unchanged = await head({ 'If-None-Match': headers.get('etag') ?? '' });
    expect(unchanged.status).toBe(304);
    expect(unchanged.headers.get('content-length')).toBeNull();
    expect(unchanged.headers.get('etag')).toBe(headers.get('etag'));
  });

  it('sends one query for a hundred requests for a page that is not cached', async () => {
    await lockProducts();
    const responses = Promise.all(Array.from({ length: 100 }, () => page(one)));
    await eventually(async () => ((await waitingQueries()) > 0 ? true : undefined));
    await sleep(200);
    expect(await waitingQueries()).toBe(1);
    await releaseProducts();
    for (const response of await responses) {
      expect(summary(response)).toEqual({ status: 200, cache: 'MISS', name: 'Before' });
    }
  });

  it('serves a stale page for one more TTL while one replica reads it again', async () => {
    await page(one);
    await eventually(async () => (summary(await page(two)).cache === 'HIT' ? true : undefined));
    await rename('After');
    await sleep(TTL_MS + 50);
    await lockProducts();
    const responses = await Promise.all(
      Array.from({ length: 100 }, (_, nth) => page(nth % 2 === 0 ? one : two)),
    );
    for (const response of responses) {
      expect(summary(response)).toEqual({ status: 200, cache: 'STALE', name: 'Before' });
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

  it('serves no page older than two TTLs while PostgreSQL answers', async () => {
    await page(one);
    await rename('After');
    await sleep(2 * TTL_MS + 50);
    expect(summary(await page(one))).toEqual({ status: 200, cache: 'MISS', name: 'After' });
  });

  it('drops changed pages at once on the replica that took the event, and within a second elsewhere', async () => {
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

  it('drops changed pages on a replica that had no requests for a while', async () => {
    await page(one);
    await page(two);
    await sleep(700);
    await change(one, 'After');
    await sleep(600);
    expect(summary(await page(two)).name).toBe('After');
  });

  it('serves the change to every request that arrives while the replica reads the version', async () => {
    await page(one);
    await page(two);
    await sleep(1500);
    await change(one, 'After');
    await sleep(600);
    const responses = await Promise.all(Array.from({ length: 20 }, () => page(two)));
    expect(responses.map((response) => summary(response).name)).toEqual(
      responses.map(() => 'After'),
    );
  });

  it.each<[string, (client: Redis, version: string) => Promise<unknown>]>([
    ['emptied', (client) => client.flushall()],
    ['rolled back', (client, version) => client.set(VERSION_KEY, version)],
  ])('never serves a page from before the change after Redis is %s', async (_, spoil) => {
    const client = new Redis(redis.url);
    await page(one);
    await page(two);
    const version = (await client.get(VERSION_KEY)) ?? '';
    await change(one, 'After');
    await spoil(client, version);
    for (let nth = 0; nth < 75; nth += 1) {
      expect(summary(await page(one)).name).toBe('After');
      if (nth > 50) expect(summary(await page(two)).name).toBe('After');
      await sleep(20);
    }
    client.disconnect();
  });
});
