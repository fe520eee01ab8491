import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';

import { type HttpResponse, httpFetch, type ProblemBody } from '../support/http.js';
import { eventually } from '../support/eventually.js';
import type { Service } from '../support/service.js';
import {
  type Availability,
  availability,
  FRESH_MS,
  StockFixture,
} from '../support/stock-fixture.js';

const DEADLINE_MS = 600;
const RESET_MS = 5000;
/** More concurrent requests than the breaker needs to open. */
const MANY = 60;

let stock: StockFixture;
let service: Service;

beforeAll(async () => {
  stock = await StockFixture.start({
    INVENTORY_TIMEOUT_MS: '200',
    INVENTORY_DEADLINE_MS: String(DEADLINE_MS),
  });
});

afterAll(async () => {
  await stock.stop();
});

beforeEach(async () => {
  await stock.reset();
});

/** Runs one service for all tests of a block. */
function serveAll(): void {
  beforeAll(async () => {
    service = await stock.startService();
  });
  afterAll(async () => {
    await service.stop();
  });
}

/** Runs a service for each test of a block: the breaker and the retry budget keep state. */
function serveEach(env: Record<string, string> = {}): void {
  beforeEach(async () => {
    service = await stock.startService(env);
  });
  afterEach(async () => {
    await service.stop();
  });
}

function statusesOf(responses: readonly HttpResponse<unknown>[]): number[] {
  return [...new Set(responses.map(({ status }) => status))].sort();
}

function requestMany(count = MANY): Promise<HttpResponse<Availability>[]> {
  return Promise.all(
    Array.from({ length: count }, () => availability(service, stock.unseenProduct())),
  );
}

async function openBreaker(): Promise<void> {
  await eventually(async () => {
    await requestMany(20);
    return service.logs().includes('The breaker opens') ? true : undefined;
  });
}

function expectUnavailable({ status, headers, body }: HttpResponse<ProblemBody>): void {
  expect(status).toBe(503);
  expect(body.type).toBe('urn:problem-type:farmlokal:dependency-unavailable');
  expect(headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
}

describe('A stock request', () => {
  serveEach();

  it.each([
    ['one failure', { failNext: 1 }],
    ['two failures', { failNext: 2 }],
    ['one 429', { failNext: 1, errorStatus: 429 }],
    ['one 502', { failNext: 1, errorStatus: 502 }],
    ['one 504', { failNext: 1, errorStatus: 504 }],
    ['a short Retry-After', { failNext: 1, retryAfter: 0 }],
  ])('is retried after %s', async (_, switches) => {
    await stock.sandbox.switch('inventory', switches);
    expect((await availability(service, stock.unseenProduct())).status).toBe(200);
    expect(await stock.requests()).toBe(1 + switches.failNext);
  });

  it.each([
    ['down', { down: true }],
    ['cutting connections', { reset: true }],
    ['hanging', { hang: true }],
  ])('ends before its deadline with the inventory %s', async (_, switches) => {
    await availability(service, stock.unseenProduct());
    await stock.sandbox.switch('inventory', switches);
    const began = performance.now();
    expectUnavailable(await availability<ProblemBody>(service, stock.unseenProduct()));
    expect(performance.now() - began).toBeLessThan(DEADLINE_MS + 500);
  });

  it('is attempted at most three times', async () => {
    await stock.sandbox.switch('inventory', { errorRate: 1 });
    await availability(service, stock.unseenProduct());
    expect(await stock.requests()).toBe(3);
  });

  it('is retried within a budget of a fifth of the requests when half of them fail', async () => {
    await stock.sandbox.switch('inventory', { errorRate: 0.5 });
    const calls = 500;
    for (let nth = 0; nth < calls / 10; nth += 1) await requestMany(10);
    expect(await stock.requests()).toBeLessThanOrEqual(1.2 * calls);
  });
});

describe('A stock request that a retry could not help', () => {
  serveAll();

  it.each([
    ['a 500', { failNext: 1, errorStatus: 500 }],
    ['a 400', { failNext: 1, errorStatus: 400 }],
    ['a 403', { failNext: 1, errorStatus: 403 }],
    ['garbage', { garbage: true }],
    ['a redirect', { redirect: true }],
    ['a response of megabytes', { huge: true }],
    ['a response about another sku', { wrongSku: true }],
    ['a quantity in words', { answer: { sku: 'x', quantity: 'many' } }],
    ['a Retry-After beyond the deadline', { failNext: 1, retryAfter: 30 }],
  ])('is not retried after %s', async (_, switches) => {
    await stock.sandbox.switch('inventory', switches);
    expectUnavailable(await availability<ProblemBody>(service, stock.unseenProduct()));
    expect(await stock.requests()).toBe(1);
  });

  it('passes on the Retry-After of the inventory', async () => {
    await stock.sandbox.switch('inventory', { failNext: 1, retryAfter: 30 });
    expect((await availability(service, stock.unseenProduct())).headers.get('retry-after')).toBe(
      '30',
    );
  });
});

describe('Without an answer from the inventory', () => {
  serveEach();

  it('the service returns the last known stock level as stale', async () => {
    const id = stock.unseenProduct();
    const { body } = await availability(service, id);
    await stock.sandbox.switch('inventory', { hang: true });
    await sleep(FRESH_MS);
    const stale = await availability(service, id);
    expect(stale.status).toBe(200);
    expect(stale.body).toEqual({ ...body, stale: true });
    expect(Number(stale.headers.get('age'))).toBeGreaterThanOrEqual(2);
  });

  it('another replica returns the last known stock level from Redis', async () => {
    const id = stock.unseenProduct();
    const { body } = await availability(service, id);
    await stock.sandbox.switch('inventory', { down: true });
    const other = await stock.startService();
    await sleep(FRESH_MS);
    expect((await availability(other, id)).body).toEqual({ ...body, stale: true });
    const [key = ''] = await stock.redis.keys('farmlokal:stock:*');
    expect(await stock.redis.ttl(key)).toBeGreaterThan(86_300);
    await other.stop();
  });

  it('the breaker opens, no stock request is sent, and it closes by itself', async () => {
    const id = stock.unseenProduct();
    const { body } = await availability(service, id);
    await stock.sandbox.switch('inventory', { hang: true });
    await openBreaker();
    await stock.sandbox.switch('inventory', { hang: false });
    const before = await stock.requests();
    const refused = await requestMany(20);
    expect(statusesOf(refused)).toEqual([503]);
    for (const { headers } of refused) {
      const seconds = Number(headers.get('retry-after'));
      expect(seconds).toBeGreaterThanOrEqual(1);
      expect(seconds).toBeLessThanOrEqual(RESET_MS / 1000);
    }
    await sleep(FRESH_MS);
    expect((await availability(service, id)).body).toEqual({ ...body, stale: true });
    expect(await stock.requests()).toBe(before);

    await eventually(
      async () => ((await availability(service, id)).body.stale ? undefined : true),
      RESET_MS + 1000,
    );
    expect(statusesOf(await requestMany(10))).toEqual([200]);
    const metrics = (await httpFetch<string>(`${service.url}/metrics`)).body;
    expect(metrics).toContain(
      'farmlokal_breaker_transitions_total{dependency="inventory",state="open"} 1',
    );
    expect(metrics).toContain(
      'farmlokal_breaker_transitions_total{dependency="inventory",state="closed"} 1',
    );
    await service.untilLogged('The breaker closes');
  });

  it('the breaker opens as quickly again after it has just closed', async () => {
    await stock.sandbox.switch('inventory', { hang: true });
    await openBreaker();
    const refused = Date.now() + RESET_MS - 1000;
    while (Date.now() < refused) {
      await requestMany(20);
      await sleep(50);
    }
    await stock.sandbox.switch('inventory', { hang: false });
    await eventually(async () =>
      service.logs().includes('The breaker closes') ? true : (await requestMany(1), undefined),
    );
    await stock.sandbox.switch('inventory', { hang: true });
    const before = await stock.requests();
    await requestMany(200);
    await service.untilLogged('The breaker opens', 2);
    // Only the requests that were admitted at once, without further rounds.
    expect((await stock.requests()) - before).toBeLessThanOrEqual(120);
  });

  it('the listing is unaffected', async () => {
    await stock.sandbox.switch('inventory', { hang: true });
    const waiting = requestMany(300);
    const pages = await Promise.all(
      Array.from({ length: 50 }, (_, nth) =>
        httpFetch(`${service.url}/api/products?limit=${nth + 1}`),
      ),
    );
    expect(statusesOf(pages)).toEqual([200]);
    expect(statusesOf(await waiting)).toEqual([503]);
  });

  it('4xx responses do not open the breaker', async () => {
    await stock.sandbox.switch('inventory', { errorRate: 1, errorStatus: 403 });
    await requestMany(MANY);
    await stock.sandbox.switch('inventory', { errorRate: 0 });
    expect((await availability(service, stock.unseenProduct())).status).toBe(200);
    await service.untilLogged('The inventory responds with status 403');
    expect(service.logs()).not.toContain('The breaker opens');
  });
});

describe('SIGTERM', () => {
  it('lets a stock request in flight finish and then ends the process', async () => {
    const slow = await stock.startService({
      INVENTORY_TIMEOUT_MS: '4000',
      INVENTORY_DEADLINE_MS: '5000',
      DATABASE_STATEMENT_TIMEOUT_MS: '100',
    });
    await stock.sandbox.switch('inventory', { latencyMs: 2500 });
    const response = availability(slow, stock.unseenProduct());
    await eventually(async () => ((await stock.requests()) > 0 ? true : undefined));
    const began = performance.now();
    const stopped = slow.stop();
    expect((await response).status).toBe(200);
    expect(await stopped).toBe(0);
    expect(performance.now() - began).toBeLessThan(4500);
  });
});

describe('No log and no response', () => {
  serveAll();

  it('contains the secret or a token', async () => {
    const development = await stock.startService({ NODE_ENV: 'development' });
    const responses: HttpResponse<unknown>[] = [];
    for (const switches of [
      {},
      { wrongToken: true },
      { garbage: true },
      { reset: true },
      { errorRate: 1 },
      { hang: true },
      { down: true },
    ]) {
      await stock.sandbox.reset();
      await stock.sandbox.switch('inventory', switches);
      for (const replica of [service, development]) {
        responses.push(await availability(replica, stock.unseenProduct()));
      }
    }
    const [key = ''] = await stock.redis.keys('farmlokal:oauth:token:*');
    const token = (await stock.redis.get(key)) ?? 'none was there';
    expect(token).toMatch(/^[\w-]{20,}$/);
    await stock.sandbox.reset();
    for (const switches of [{ oauthError: 'invalid_client' }, { garbage: true }, { down: true }]) {
      await stock.redis.flushall();
      await stock.sandbox.switch('oauth', switches);
      const fresh = await stock.startService({ NODE_ENV: 'development' });
      responses.push(await availability(fresh, stock.unseenProduct()));
      await fresh.stop();
      responses.push({ status: 0, headers: new Headers(), body: fresh.logs() });
    }
    const said = [service.logs(), development.logs(), JSON.stringify(responses)].join('\n');
    expect(said).toContain('dependency-unavailable');
    const { clientId, clientSecret } = stock.sandbox.partners;
    const basic = Buffer.from(`${clientId}:${clientSecret}`).toString('base64');
    for (const secret of [clientSecret, basic, token, 'Bearer ', 'Basic ']) {
      expect(said).not.toContain(secret);
    }
    await development.stop();
  });
});
