import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { randomInt } from 'node:crypto';

import type { RedisServer } from '../../dev/redis-server.js';
import { httpFetch } from '../support/http.js';
import { countStatuses, getFrom, newAddress } from '../support/client-addresses.js';
import { createDatabase, type Database } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { RawConnection } from '../support/raw-connection.js';
import { startRedis } from '../support/redis-server.js';
import { type Service, startReadyService } from '../support/service.js';
import { deleted, SECRET, send } from '../support/signed-event.js';

const LIMIT = 100;
const WINDOW_MS = 120_000;

let database: Database;
let redis: RedisServer;
let client: Redis;
let first: Service;
let replicas: readonly Service[];

beforeAll(async () => {
  [database, redis] = await Promise.all([createDatabase(), startRedis()]);
  client = new Redis(redis.url);
  client.on('error', () => undefined);
  const others = [start(), start()];
  first = await start();
  replicas = [first, ...(await Promise.all(others))];
});

afterEach(async () => {
  await client.flushall();
});

afterAll(async () => {
  client.disconnect();
  await Promise.all(replicas.map((replica) => replica.stop()));
  await redis.stop();
  await database.drop();
});

async function start(env: Record<string, string> = {}): Promise<Service> {
  return await startReadyService({
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    WEBHOOK_SECRETS: SECRET,
    THROTTLE_LIMIT: String(LIMIT),
    THROTTLE_TTL_MS: String(WINDOW_MS),
    TRUST_PROXY: '127.0.0.1/32, 10.0.0.0/8',
    ...env,
  });
}

/** The number of requests that the limit leaves, as the response says it. */
async function left(address: string, replica = first, path = '/'): Promise<number> {
  const { headers } = await getFrom(address, replica, path);
  return Number(/r=(\d+)/.exec(headers.get('ratelimit') ?? '')?.[1]);
}

describe('A client', () => {
  it('learns how many requests are left, and after the limit when to retry', async () => {
    const address = newAddress();
    const { status, headers } = await getFrom(address, first);
    expect(status).toBe(200);
    expect(headers.get('ratelimit-policy')).toBe(`"default";q=${LIMIT};w=120`);
    expect(headers.get('ratelimit')).toMatch(/^"default";r=99;t=(119|120)$/);
    await countStatuses(address, replicas, LIMIT - 1);

    const refused = await getFrom(address, first);
    expect(refused.status).toBe(429);
    expect(refused.headers.get('content-type')).toContain('application/problem+json');
    expect(refused.headers.get('ratelimit')).toMatch(/^"default";r=0;t=\d+$/);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(120);
    expect(refused.body).toMatchObject({
      type: 'urn:problem-type:farmlokal:rate-limited',
      status: 429,
      instance: '/',
    });
    for (const name of refused.headers.keys()) {
      expect(name).not.toMatch(/^x-ratelimit|^retry-after-/);
    }
  });

  it('gets a 429 that no cache may store, for any path', async () => {
    const address = newAddress();
    await countStatuses(address, replicas, LIMIT);
    for (const path of ['/api/products', '/api/products/1', '/nowhere', '/%', '/docs/index.css']) {
      const { status, headers } = await getFrom(address, first, path);
      expect([status, headers.get('cache-control')]).toEqual([429, 'no-store']);
    }
  });

  it('gets exactly the limit over all replicas', async () => {
    expect(await countStatuses(newAddress(), replicas, 1000)).toEqual({ 200: LIMIT, 429: 900 });
  });

  it('never exceeds a large limit that replicas lease in parts', async () => {
    const limit = 1000;
    const generous = await Promise.all(
      replicas.map(() => start({ THROTTLE_LIMIT: String(limit) })),
    );
    const address = newAddress();
    expect(await left(address, generous[0])).toBe(limit - 1);
    expect(Number(await client.get(`farmlokal:requests:${limit}:${address}`))).toBe(5);
    const statuses = await countStatuses(address, generous, 1400);
    expect(statuses[200]).toBeLessThan(limit);
    expect(statuses[200]).toBeGreaterThan(0.97 * limit);
    expect(statuses[429]).toBe(1400 - (statuses[200] ?? 0));
    await Promise.all(generous.map((replica) => replica.stop()));
  });

  it('may send requests again in the next window', async () => {
    const quick = await start({ THROTTLE_LIMIT: '2', THROTTLE_TTL_MS: '1000' });
    const address = newAddress();
    await getFrom(address, quick);
    await getFrom(address, quick);
    expect((await getFrom(address, quick)).status).toBe(429);
    await eventually(async () =>
      (await getFrom(address, quick)).status === 200 ? true : undefined,
    );
    await quick.stop();
  });

  it('has one limit for all routes except probes and metrics', async () => {
    const address = newAddress();
    expect(await left(address, first, '/api/products')).toBe(99);
    expect(await left(address, first, '/api/products/1')).toBe(98);
    expect(await left(address, first, '/api/products?limit=x')).toBe(97);
    for (const path of ['/health', '/health/live', '/health/ready', '/metrics']) {
      expect((await getFrom(address, first, path)).headers.has('ratelimit')).toBe(false);
    }
    expect(await left(address)).toBe(96);
    expect(await left(address, first, '/nowhere')).toBe(95);
    expect(await left(address, first, '/docs-json')).toBe(94);
    const { status, headers } = await httpFetch(`${first.url}/api/products`, {
      method: 'DELETE',
      headers: { 'x-forwarded-for': address },
    });
    expect([status, headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect(headers.get('ratelimit')).toContain('r=93');
  });
});

describe('The address of a client', () => {
  it('is the last one in X-Forwarded-For that is not a trusted proxy', async () => {
    const address = newAddress();
    expect(await left(address)).toBe(99);
    expect(await left(`${newAddress()}, ${address}`)).toBe(98);
    expect(await left(`${address}, 10.1.2.3`)).toBe(97);
    expect(await left(`${address}:49152, 10.1.2.3`)).toBe(96);
    expect(await left(`${newAddress()}, unknown, ${address}`)).toBe(95);
  });

  it('is recognised with ports, brackets and white space, in any position and over several lines', async () => {
    const address = newAddress();
    expect(await left(address)).toBe(99);
    const forms = [
      `${address}, 10.1.2.3:443`,
      `${newAddress()}:1, ${address}:2, 10.1.2.3:3, 10.9.8.7:4`,
      `[::ffff:${address}]:80 ,\t[::ffff:10.1.2.3]:80`,
      `  ${address}  ,10.1.2.3 , `,
      `[${address}], [10.1.2.3]:65535`,
    ];
    for (const [nth, form] of forms.entries()) expect(await left(form)).toBe(98 - nth);

    const connection = await RawConnection.open(first.url);
    connection.write(
      [
        'GET / HTTP/1.1\r\nHost: x',
        `X-Forwarded-For: ${newAddress()}`,
        `X-Forwarded-For: ${address}:99`,
        'X-Forwarded-For: 10.1.2.3:443\r\n\r\n',
      ].join('\r\n'),
    );
    const response = await connection.nextResponse();
    connection.close();
    expect(response?.headers.get('ratelimit')).toContain(`r=${98 - forms.length};`);
  });

  it('is an IPv6 network of 64 bits, or an IPv4 address in any form', async () => {
    const site = `2001:db8:${randomInt(0x10000).toString(16)}`;
    expect(await left(`${site}:2::1`)).toBe(99);
    expect(await left(`${site}:2:ffff::7`)).toBe(98);
    expect(await left(`[${site}:2::9]:443`)).toBe(97);
    expect(await left(`${site}:3::1`)).toBe(99);
    const address = newAddress();
    expect(await left(address)).toBe(99);
    expect(await left(`::ffff:${address}`)).toBe(98);
  });

  it('is the proxy itself when the proxy names no address', async () => {
    const before = await left('127.0.0.1');
    expect(await left('garbage')).toBe(before - 1);
    expect(await left('x'.repeat(5000))).toBe(before - 2);
  });

  it('is the peer of the connection when no proxy is trusted', async () => {
    const wary = await start({ TRUST_PROXY: '' });
    const before = await left(newAddress(), wary);
    expect(await left(newAddress(), wary)).toBe(before - 1);
    await wary.stop();
  });
});

describe('POST /api/webhooks/catalog', () => {
  it('limits unsigned events and not signed ones', async () => {
    const headers = { 'x-forwarded-for': newAddress() };
    const badly = async () =>
      await send(first.url, deleted('A', 1), {
        headers: { ...headers, 'webhook-signature': 'v1,x' },
      });
    expect(await badly()).toMatchObject({ status: 401 });
    for (let nth = 1; nth < LIMIT; nth += 1) await badly();
    expect(await badly()).toMatchObject({
      status: 429,
      body: { type: 'urn:problem-type:farmlokal:rate-limited' },
    });
    expect((await getFrom(headers['x-forwarded-for'], first)).status).toBe(429);
    const well = await send(first.url, deleted('A', 1), { headers });
    expect(well).toMatchObject({ status: 200, body: { status: 'processed' } });
    expect(well.headers.has('ratelimit')).toBe(false);
  });
});
