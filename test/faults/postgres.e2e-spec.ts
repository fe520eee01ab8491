import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { type HttpResponse, httpFetch, type ProblemBody } from '../support/http.js';
import { BackingServices } from '../support/backing-services.js';
import { eventually } from '../support/eventually.js';
import { type Fault, FaultProxy } from '../support/fault-proxy.js';
import type { Reply } from '../support/load.js';
import { type Observation, observe, WELL } from '../support/outage.js';
import { deviations, late, type Outcomes } from '../support/replies.js';
import { type Service, startService } from '../support/service.js';
import { send, upserted } from '../support/signed-event.js';
import { Traffic } from '../support/traffic.js';

const TTL_MS = 1000;
const STATEMENT_TIMEOUT_MS = 1000;
const CONNECT_TIMEOUT_MS = 10_000;
const INVENTORY_DEADLINE_MS = 3000;
const WEBHOOK_DEADLINE_MS = 4000;
/** How long a cached page waits for a newer one, and `/health` for PostgreSQL. */
const SOFT_TIMEOUT_MS = 1000;

/** Cached responses are served stale; all others are unavailable. */
const WITHOUT_POSTGRES: Outcomes = {
  ...WELL,
  listing: ['stale'],
  'unseen listing': ['unavailable'],
  product: ['stale'],
  'unseen product': ['unavailable'],
  'unseen availability': ['unavailable'],
  event: ['unavailable'],
  // On a busy machine Redis can time out.
  duplicate: ['duplicate', 'unavailable'],
  health: ['error database', 'error redis database'],
};

let backing: BackingServices;
let proxy: FaultProxy;
let service: Service;
let traffic: Traffic;

beforeAll(async () => {
  backing = await BackingServices.start();
  proxy = await FaultProxy.start(backing.database.url);
  service = await backing.startReplica(environment());
  traffic = await Traffic.prepare(service.url, backing.database);
});

afterEach(async () => {
  await proxy.fail('none');
});

afterAll(async () => {
  await backing.stop();
  await proxy.stop();
});

function environment(): Record<string, string> {
  return {
    DATABASE_URL: proxy.url,
    CACHE_TTL_MS: String(TTL_MS),
    DATABASE_STATEMENT_TIMEOUT_MS: String(STATEMENT_TIMEOUT_MS),
    INVENTORY_DEADLINE_MS: String(INVENTORY_DEADLINE_MS),
  };
}

/** Sends the events again that were not processed, and expects that all are applied. */
async function expectAllApplied(): Promise<void> {
  const { events } = traffic;
  for (const [id, event] of events) {
    // After a timeout of Redis a lease outlives its request for some seconds.
    await eventually(
      async () => (await send(service.url, event, { id })).status === 200 || undefined,
    );
  }
  const counts = await traffic.countApplied(backing.database);
  expect(counts).toEqual({ recorded: events.size, applied: events.size });
  events.clear();
}

/** Expects that each stale page was served fresh before. */
function expectServedBefore({ during, all }: Observation): void {
  const bodies = (replies: readonly Reply[], stale: boolean): string[] =>
    replies
      .filter(({ route }) => route === 'listing')
      .filter(({ headers }) => (headers['x-cache'] === 'STALE') === stale)
      .map(({ body }) => body);
  expect(bodies(all, false)).toEqual(expect.arrayContaining(bodies(during, true)));
}

function expectUnavailable({ status, headers, body }: HttpResponse<ProblemBody>): void {
  expect([status, body.type]).toEqual([503, 'urn:problem-type:farmlokal:dependency-unavailable']);
  expect(headers.get('retry-after')).toMatch(/^[1-9]/);
}

describe('While PostgreSQL', () => {
  it.each<[string, Fault]>([
    ['refuses connections', 'refuse'],
    ['resets connections', 'reset'],
    ['is cut off in the middle of an answer', { cutAfter: 100 }],
  ])('%s, cached pages are served and other requests get a 503 at once', async (_, fault) => {
    const observation = await observe(traffic, {
      fail: () => proxy.fail(fault),
      revive: () => proxy.fail('none'),
    });
    expect(deviations(observation.during, WITHOUT_POSTGRES)).toEqual([]);
    expect(late(observation.all, { others: 0 })).toEqual([]);
    expectServedBefore(observation);
    await expectAllApplied();
  });

  it('is killed and recovers, cached pages are served and other requests get a 503 at once', async () => {
    const { during, all } = await observe(traffic, {
      fail: () => backing.postgres.kill(),
      revive: () => backing.postgres.restart(),
    });
    expect(deviations(during, WITHOUT_POSTGRES)).toEqual([]);
    expect(late(all, { others: 0 })).toEqual([]);
    await expectAllApplied();
  });

  it('is slow, all routes work', async () => {
    const { during, all } = await observe(traffic, {
      fail: () => proxy.fail({ latencyMs: 50 }),
      revive: () => proxy.fail('none'),
    });
    expect(deviations(during, WELL)).toEqual([]);
    expect(late(all, { others: STATEMENT_TIMEOUT_MS })).toEqual([]);
    await expectAllApplied();
  });

  it('never answers, requests end at their deadlines, and soon no request waits for them', async () => {
    const observation = await observe(traffic, {
      fail: () => proxy.fail('blackhole'),
      revive: () => proxy.fail('none'),
      settlesInMs: 2 * STATEMENT_TIMEOUT_MS,
      lastsMs: CONNECT_TIMEOUT_MS,
    });
    expect(deviations(observation.during, WITHOUT_POSTGRES)).toEqual([]);
    expect(late(observation.during, { others: SOFT_TIMEOUT_MS })).toEqual([]);
    const waiting = CONNECT_TIMEOUT_MS + STATEMENT_TIMEOUT_MS;
    expect(
      late(observation.all, {
        'unseen listing': waiting,
        'unseen product': waiting,
        availability: INVENTORY_DEADLINE_MS,
        'unseen availability': INVENTORY_DEADLINE_MS,
        event: WEBHOOK_DEADLINE_MS,
        others: SOFT_TIMEOUT_MS,
      }),
    ).toEqual([]);
    expectServedBefore(observation);
    await expectAllApplied();
  });
});

describe('While PostgreSQL is down', () => {
  afterEach(async () => {
    await proxy.fail('none');
    await eventually(async () => {
      const { path } = traffic.request('unseen listing');
      return (await httpFetch(service.url + path)).status === 200 || undefined;
    });
  });

  it('a deleted product is not served again', async () => {
    const { path } = traffic.request('unseen product');
    await httpFetch(service.url + path);
    await backing.database.query('UPDATE products SET deleted_at = now() WHERE id = $1', [
      path.split('/').at(-1),
    ]);
    await sleep(2 * TTL_MS + 50);
    expect((await httpFetch(service.url + path)).status).toBe(404);
    await proxy.fail('refuse');
    expectUnavailable(await httpFetch<ProblemBody>(service.url + path));
  });

  it('cached pages are served stale without Redis too', async () => {
    const { path } = traffic.request('unseen listing');
    await httpFetch(service.url + path);
    await Promise.all([proxy.fail('refuse'), backing.redis.kill()]);
    try {
      await sleep(2 * TTL_MS + 50);
      const { status, headers } = await httpFetch(service.url + path);
      expect([status, headers.get('x-cache')]).toEqual([200, 'STALE']);
      const unseen = traffic.request('unseen listing').path;
      expectUnavailable(await httpFetch<ProblemBody>(service.url + unseen));
    } finally {
      await backing.redis.restart();
    }
  });
});

it('An event that another replica processes is answered in time without PostgreSQL', async () => {
  const { url } = await backing.startReplica({
    ...environment(),
    DATABASE_STATEMENT_TIMEOUT_MS: '60000',
  });
  const id = randomUUID();
  const client = new Redis(backing.redis.url);
  await client.set(`farmlokal:webhook:${id}`, 'claimed by-another', 'PX', 5000);
  client.disconnect();
  await proxy.fail('blackhole');
  const response = await send<ProblemBody>(url, upserted(id, 1), { id });
  await proxy.fail('none');
  expectUnavailable(response);
});

it.each<[Fault, string]>([
  ['refuse', 'the connection was refused (ECONNREFUSED)'],
  ['blackhole', ''],
])(
  'A service that starts without PostgreSQL (%s) is live, and ready once PostgreSQL answers',
  async (fault, log) => {
    await proxy.fail(fault);
    const starting = await startService(backing.environment({ ...environment(), REDIS_URL: '' }));
    expect((await httpFetch(`${starting.url}/health/live`)).status).toBe(200);
    for (const path of ['/health/ready', '/api/products', '/api/products/1']) {
      expectUnavailable(await httpFetch<ProblemBody>(starting.url + path));
    }
    for (const line of [log, 'REDIS_URL is not set']) {
      await eventually(() => Promise.resolve(starting.logs().includes(line) || undefined));
    }

    await proxy.fail('none');
    await eventually(
      async () => (await httpFetch(`${starting.url}/health/ready`)).status === 200 || undefined,
    );
    expect((await httpFetch(`${starting.url}/api/products`)).status).toBe(200);
    expect(await starting.stop()).toBe(0);
  },
);
