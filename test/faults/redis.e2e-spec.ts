import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { httpFetch, type ProblemBody, type ProductPage } from '../support/http.js';
import { BackingServices } from '../support/backing-services.js';
import { eventually } from '../support/eventually.js';
import { type Fault, FaultProxy } from '../support/fault-proxy.js';
import { observe, type Outage, WELL } from '../support/outage.js';
import { startRedis } from '../support/redis-server.js';
import { deviations, late } from '../support/replies.js';
import type { Service } from '../support/service.js';
import { send, upserted } from '../support/signed-event.js';
import { type Route, Traffic } from '../support/traffic.js';

/** Milliseconds that Redis may add to a request. */
const BUDGET_MS = 100;
/** Milliseconds for which the service does not use a Redis that has failed. */
const SUSPENSION_MS = 500;

let backing: BackingServices;
let proxy: FaultProxy;
let client: Redis;
let service: Service;
let traffic: Traffic;

beforeAll(async () => {
  backing = await BackingServices.start();
  proxy = await FaultProxy.start(backing.redis.url);
  client = new Redis(backing.redis.url);
  service = await backing.startReplica({ REDIS_URL: proxy.url });
  traffic = await Traffic.prepare(service.url, backing.database);
});

afterEach(async () => {
  await proxy.fail('none');
});

afterAll(async () => {
  client.disconnect();
  await backing.stop();
  await proxy.stop();
});

/** Expects that all routes work during the outage, and that the service uses Redis again afterwards. */
async function expectNoEffect(outage: Outage): Promise<void> {
  // A failed attempt can have lost events.
  traffic.events.clear();
  const { during, all } = await observe(traffic, outage);
  expect(deviations(during, { ...WELL, health: ['degraded redis'] })).toEqual([]);
  expect(late(all, { others: BUDGET_MS })).toEqual([]);
  const caches = during.map(({ route, headers }) => `${route} ${String(headers['x-cache'])}`);
  expect(caches).toContain('listing HIT');
  const { size } = traffic.events;
  expect(await traffic.countApplied(backing.database)).toEqual({ recorded: size, applied: size });
  await eventually(async () => {
    const { path } = traffic.request('unseen product');
    await httpFetch(service.url + path);
    // The service does not wait until Redis has stored the page.
    await sleep(100);
    return (await client.exists(`farmlokal:page:${path}`)) === 1 || undefined;
  });
}

describe('Clients do not notice a Redis', () => {
  it.each<[string, Fault]>([
    ['refuses connections', 'refuse'],
    ['resets connections', 'reset'],
    ['never answers', 'blackhole'],
    ['is slow', { latencyMs: 100 }],
    ['is cut off in the middle of an answer', { cutAfter: 500 }],
  ])('that %s', async (_, fault) => {
    await expectNoEffect({
      fail: () => proxy.fail(fault),
      revive: () => proxy.fail('none'),
      // Longer than the service keeps an unresponsive connection.
      ...(fault === 'blackhole' && { lastsMs: 6 * SUSPENSION_MS }),
    });
  });

  it('that is killed and comes back empty', async () => {
    await expectNoEffect({
      fail: () => backing.redis.kill(),
      revive: () => backing.redis.restart(),
    });
  });

  it('that is out of memory', async () => {
    await expectNoEffect({
      fail: () => client.config('SET', 'maxmemory', '1'),
      revive: () => client.config('SET', 'maxmemory', '0'),
    });
  });

  it('that has become a read-only replica', async () => {
    await expectNoEffect({
      fail: () => client.replicaof('127.0.0.1', '1'),
      revive: () => client.replicaof('NO', 'ONE'),
    });
  });

  it('that is loading its data', async () => {
    // It loads from a master, one key in ten milliseconds, and answers LOADING in between.
    const master = await startRedis();
    const keys = new Redis(master.url);
    await keys.config('SET', 'repl-diskless-sync-delay', '0');
    await keys.mset(Array.from({ length: 1000 }, (_, nth) => [`key ${nth}`, 'x'.repeat(1024)]));
    await client.config('SET', 'masterauth', new URL(master.url).password);
    await client.config('SET', 'loading-process-events-interval-bytes', '1024');
    const slowly = (microseconds: number) =>
      client.config('SET', 'key-load-delay', String(microseconds));
    const loading = async () => (await client.info('persistence')).includes('loading:1');
    await expectNoEffect({
      fail: async () => {
        await slowly(10_000);
        await client.replicaof('127.0.0.1', String(master.port));
        await eventually(async () => (await loading()) || undefined);
      },
      revive: async () => {
        await slowly(0);
        await eventually(async () => !(await loading()) || undefined);
        await client.replicaof('NO', 'ONE');
      },
    });
    keys.disconnect();
    await master.stop();
  });
});

/** The shortest of three requests, without the noise of the machine. */
async function quickest(route: Route): Promise<number> {
  const times: number[] = [];
  for (let nth = 0; nth < 3; nth += 1) {
    await sleep(1.1 * SUSPENSION_MS);
    const { path, body, headers = {} } = traffic.request(route);
    const began = performance.now();
    await httpFetch(
      service.url + path,
      body === undefined ? {} : { method: 'POST', body, headers },
    );
    times.push(performance.now() - began);
  }
  return Math.min(...times);
}

// The routes with the most Redis commands.
it.each<Route>(['unseen availability', 'event'])(
  'A slow Redis that answers before its timeout delays an %s within the budget',
  async (route) => {
    const without = await quickest(route);
    await proxy.fail({ latencyMs: 20 });
    const slowed = await quickest(route);
    expect(slowed - without).toBeLessThan(BUDGET_MS);
  },
);

describe('Without Redis', () => {
  it.each<Fault>(['refuse', 'blackhole'])(
    '(%s) an event that arrives many times at once is processed once',
    async (fault) => {
      const other = await backing.startReplica({ REDIS_URL: proxy.url });
      await proxy.fail(fault);
      const id = randomUUID();
      const event = upserted(randomUUID(), 1);
      const responses = await Promise.all(
        Array.from({ length: 30 }, (_, nth) =>
          send((nth % 2 ? service : other).url, event, { id }),
        ),
      );
      const statuses = responses.map(({ body }) => body.status).sort();
      expect(statuses).toEqual([...Array<string>(29).fill('duplicate'), 'processed']);
      const reused = await send<ProblemBody>(service.url, upserted(randomUUID(), 2), { id });
      expect([reused.status, reused.body.type]).toEqual([
        422,
        'urn:problem-type:farmlokal:event-id-reused',
      ]);
      await other.stop();
    },
  );

  it('publishes a change once Redis is back, so that the other replicas drop their pages', async () => {
    const other = await backing.startReplica({ REDIS_URL: proxy.url });
    const [sku, category] = [randomUUID(), randomUUID()];
    const page = async ({ url }: Service) => {
      const { headers, body } = await httpFetch<ProductPage>(
        `${url}/api/products?category=${category}`,
      );
      return { cache: headers.get('x-cache'), name: body.data[0]?.name };
    };
    await send(service.url, upserted(sku, 1, { category, name: 'Before' }));
    await eventually(async () => (await page(other)).cache === 'HIT' || undefined);
    await backing.redis.kill();
    try {
      await send(service.url, upserted(sku, 2, { category, name: 'After' }));
      expect(await page(service)).toEqual({ cache: 'MISS', name: 'After' });
      // Longer than the service waits before it tries Redis again.
      await sleep(2 * SUSPENSION_MS);
      expect(await page(other)).toEqual({ cache: 'HIT', name: 'Before' });
    } finally {
      await backing.redis.restart();
    }
    await eventually(async () => (await page(other)).name === 'After' || undefined);
    await other.stop();
  });
});

it('A Redis that holds garbage fails no request', async () => {
  const [page, list] = [
    traffic.request('unseen product').path,
    traffic.request('unseen product').path,
  ];
  await client.set(`farmlokal:page:${page}`, 'not a page');
  await client.lpush(`farmlokal:page:${list}`, 'not a string');
  for (const path of [page, list]) expect((await httpFetch(service.url + path)).status).toBe(200);
});
