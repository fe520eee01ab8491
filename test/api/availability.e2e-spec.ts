import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import type { RedisServer } from '../../dev/redis-server.js';
import { type Answer, ask, type ProblemBody } from '../support/answer.js';
import { createDatabase, type Database } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { insertProducts } from '../support/products.js';
import { startRedis } from '../support/redis-server.js';
import { type Sandbox, startSandbox } from '../support/sandbox.js';
import { type Service, startReadyService } from '../support/service.js';
import { deleted, SECRET, send } from '../support/signed-event.js';

interface Availability {
  readonly productId: string;
  readonly quantity: number;
  readonly asOf: string;
  readonly stale: boolean;
}

const TIMEOUT_MS = 200;
const DEADLINE_MS = 600;
/** For how long an answer is given again without asking. */
const FRESH_MS = 2000;
const RESET_MS = 5000;
const PRODUCTS = 10_000;
/** Enough of them to open the breaker, and some. */
const MANY = 60;

let redis: RedisServer;
let client: Redis;
let database: Database;
let sandbox: Sandbox;
let service: Service;
let ids: string[];
let used = 0;

beforeAll(async () => {
  [database, redis, sandbox] = await Promise.all([createDatabase(), startRedis(), startSandbox()]);
  client = new Redis(redis.url);
  ids = await insertProducts(
    database,
    Array.from({ length: PRODUCTS }, () => ({})),
  );
});

afterAll(async () => {
  client.disconnect();
  await Promise.all([database.drop(), redis.stop(), sandbox.stop()]);
});

beforeEach(async () => {
  await Promise.all([sandbox.reset(), client.flushall()]);
});

/** Runs the service for a whole block of specs. */
function serveAll(): void {
  beforeAll(async () => {
    service = await start();
  });
  afterAll(async () => {
    await service.stop();
  });
}

/** Runs a service for each spec of a block, where the breaker or the budget would remember one in the next. */
function serveEach(env: Record<string, string> = {}): void {
  beforeEach(async () => {
    service = await start(env);
  });
  afterEach(async () => {
    await service.stop();
  });
}

async function start(env: Record<string, string> = {}): Promise<Service> {
  return await startReadyService({
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    ...sandbox.environment(),
    INVENTORY_TIMEOUT_MS: String(TIMEOUT_MS),
    INVENTORY_DEADLINE_MS: String(DEADLINE_MS),
    DATABASE_STATEMENT_TIMEOUT_MS: '2000',
    LOG_LEVEL: 'trace',
    ...env,
  });
}

/** A product that nobody has asked about yet. */
function unseen(): string {
  const id = ids[used];
  if (id === undefined) throw new Error('All products are used up');
  used += 1;
  return id;
}

async function availability<Body = Availability>(
  id: string,
  replica = service,
): Promise<Answer<Body>> {
  return await ask<Body>(`${replica.url}/api/products/${id}/availability`);
}

async function requests(): Promise<number> {
  return (await sandbox.state()).inventory.counts.requests;
}

function statusesOf(answers: readonly Answer<unknown>[]): number[] {
  return [...new Set(answers.map(({ status }) => status))].sort();
}

function askMany(count = MANY): Promise<Answer<Availability>[]> {
  return Promise.all(Array.from({ length: count }, () => availability(unseen())));
}

async function openBreaker(): Promise<void> {
  await eventually(async () => {
    await askMany(20);
    return service.logs().includes('The breaker opens') ? true : undefined;
  });
}

function expectUnavailable({ status, headers, body }: Answer<ProblemBody>): void {
  expect(status).toBe(503);
  expect(body.type).toBe('urn:problem-type:farmlokal:dependency-unavailable');
  expect(headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
}

describe('Availability', () => {
  serveAll();

  it('is what the inventory says', async () => {
    const id = unseen();
    const [row] = await database.query<{ sku: string }>('SELECT sku FROM products WHERE id = $1', [
      id,
    ]);
    await sandbox.switch('inventory', { stock: { [row?.sku ?? '']: 12.5 } });
    const { status, headers, body } = await availability(id);
    expect(status).toBe(200);
    expect(body).toEqual({
      productId: id,
      quantity: 12.5,
      asOf: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      stale: false,
    });
    expect(headers.get('content-type')).toContain('application/json');
    expect(headers.get('age')).toBeNull();
  });

  it('is asked for once by all who want it at the same time, and reused for two seconds', async () => {
    const id = unseen();
    await sandbox.switch('inventory', { latencyMs: 100 });
    const answers = await Promise.all(Array.from({ length: 50 }, () => availability(id)));
    expect(statusesOf(answers)).toEqual([200]);
    await availability(id);
    expect(await requests()).toBe(1);
    const [first] = answers;
    await sleep(FRESH_MS);
    const later = await availability(id);
    expect(later.body.stale).toBe(false);
    expect(later.body.asOf).not.toBe(first?.body.asOf);
    expect(await requests()).toBe(2);
  });

  it('is shared with another replica while it is fresh', async () => {
    const id = unseen();
    const other = await start();
    const { body } = await availability(id);
    await eventually(async () =>
      (await client.keys('farmlokal:stock:*')).length > 0 ? true : undefined,
    );
    expect((await availability(id, other)).body).toEqual(body);
    expect(await requests()).toBe(1);
    await other.stop();
  });

  it('is answered for many products at once without reading their pages', async () => {
    const pages = async (): Promise<string[]> =>
      (await ask<string>(`${service.url}/metrics`)).body
        .split('\n')
        .filter((line) => line.startsWith('farmlokal_page_cache_requests_total{'));
    const before = await pages();
    const asked = Array.from({ length: 150 }, unseen);
    const answers = await Promise.all(asked.map((id) => availability(id)));
    expect(answers.map(({ status, body }) => [status, body.productId])).toEqual(
      asked.map((id) => [200, id]),
    );
    expect(await pages()).toEqual(before);
  });

  it('of a product that was deleted is a 404 at once', async () => {
    const notified = await start({ WEBHOOK_SECRETS: SECRET });
    const id = unseen();
    expect((await availability(id, notified)).status).toBe(200);
    const [row] = await database.query<{ sku: string }>('SELECT sku FROM products WHERE id = $1', [
      id,
    ]);
    await send(notified.url, deleted(row?.sku ?? '', 1));
    const { status, body } = await availability<ProblemBody>(id, notified);
    expect({ status, detail: body.detail }).toEqual({
      status: 404,
      detail: `There is no product with the id ${id}.`,
    });
    await notified.stop();
  });

  it('of no product of ours is a 404, and nobody is asked', async () => {
    const { status, body } = await availability<ProblemBody>('999999999');
    expect({ status, detail: body.detail }).toEqual({
      status: 404,
      detail: 'There is no product with the id 999999999.',
    });
    expect(await requests()).toBe(0);
  });

  it('of a product that the inventory does not know is a 404 that says so', async () => {
    const id = unseen();
    await availability(id);
    const [row] = await database.query<{ sku: string }>('SELECT sku FROM products WHERE id = $1', [
      id,
    ]);
    await sandbox.switch('inventory', { stock: { [row?.sku ?? '']: null } });
    await sleep(FRESH_MS);
    const { status, body } = await availability<ProblemBody>(id);
    expect({ status, detail: body.detail }).toEqual({
      status: 404,
      detail: `The inventory does not know the product ${id}.`,
    });
    // What it said before does not come back.
    await sandbox.switch('inventory', { down: true });
    expectUnavailable(await availability<ProblemBody>(id));
  });

  it.each([
    ['abc/availability', 400],
    ['-1/availability', 400],
    ['9223372036854775808/availability', 400],
    ['1/availability?fresh=true', 400],
    ['1/availability/now', 404],
  ])('%s is a %d', async (path, expected) => {
    const { status, body } = await ask<ProblemBody>(`${service.url}/api/products/${path}`);
    expect({ status, problem: body.status }).toEqual({ status: expected, problem: expected });
  });

  it('answers HEAD, and refuses other methods', async () => {
    const url = `${service.url}/api/products/${unseen()}/availability`;
    expect((await ask(url, { method: 'HEAD' })).status).toBe(200);
    const { status, headers } = await ask(url, { method: 'DELETE' });
    expect(status).toBe(405);
    expect(headers.get('allow')).toContain('GET');
  });

  it('finds a sku that has to be encoded', async () => {
    const sku = `a/b ?#%é..${randomUUID()}..`;
    const id = unseen();
    await database.query('UPDATE products SET sku = $2 WHERE id = $1', [id, sku]);
    await sandbox.switch('inventory', { stock: { [sku]: 7 } });
    expect((await availability(id)).body.quantity).toBe(7);
  });

  it.each([
    ['no inventory', { INVENTORY_API_URL: '' }, 'No inventory is configured.'],
    [
      'no OAuth client',
      { OAUTH_TOKEN_URL: '', OAUTH_CLIENT_ID: '', OAUTH_CLIENT_SECRET: '' },
      'No OAuth client is configured.',
    ],
  ])('without %s is a 503 that says so', async (_, env, detail) => {
    const bare = await start(env);
    const answer = await availability<ProblemBody>(unseen(), bare);
    expectUnavailable(answer);
    expect(answer.body.detail).toBe(detail);
    await bare.stop();
  });
});

describe('A token that the inventory refuses', () => {
  // All ask at once, and time is not what it is about.
  serveEach({ INVENTORY_TIMEOUT_MS: '2000', INVENTORY_DEADLINE_MS: '5000' });

  it('is replaced, every time, and the household notices nothing', async () => {
    await availability(unseen());
    for (const issued of [2, 3]) {
      await sandbox.revoke();
      expect(statusesOf(await askMany())).toEqual([200]);
      expect((await sandbox.state()).oauth.counts.tokensIssued).toBe(issued);
    }
  });

  it('like any other is not replaced over and over', async () => {
    await sandbox.switch('inventory', { wrongToken: true });
    for (let nth = 0; nth < 30; nth += 1) {
      expectUnavailable(await availability<ProblemBody>(unseen()));
    }
    expect((await sandbox.state()).oauth.counts.tokensIssued).toBeLessThanOrEqual(3);
  });
});

describe('Retries', () => {
  serveEach();

  it.each([
    ['one failure', { failNext: 1 }],
    ['two failures', { failNext: 2 }],
    ['one 429', { failNext: 1, errorStatus: 429 }],
    ['one 502', { failNext: 1, errorStatus: 502 }],
    ['one 504', { failNext: 1, errorStatus: 504 }],
    ['a short Retry-After', { failNext: 1, retryAfter: 0 }],
  ])('help over %s', async (_, switches) => {
    await sandbox.switch('inventory', switches);
    expect((await availability(unseen())).status).toBe(200);
    expect(await requests()).toBe(1 + switches.failNext);
  });

  it.each([
    ['down', { down: true }],
    ['cutting connections', { reset: true }],
    ['hanging', { hang: true }],
  ])('end in time with the inventory %s', async (_, switches) => {
    await availability(unseen());
    await sandbox.switch('inventory', switches);
    const began = performance.now();
    expectUnavailable(await availability<ProblemBody>(unseen()));
    expect(performance.now() - began).toBeLessThan(DEADLINE_MS + 500);
  });

  it('are at most three attempts', async () => {
    await sandbox.switch('inventory', { errorRate: 1 });
    await availability(unseen());
    expect(await requests()).toBe(3);
  });

  it('keep to a fifth of the calls when half of them fail', async () => {
    await sandbox.switch('inventory', { errorRate: 0.5 });
    const calls = 500;
    for (let nth = 0; nth < calls / 10; nth += 1) await askMany(10);
    expect(await requests()).toBeLessThanOrEqual(1.2 * calls);
  });
});

describe('Retries that could not help', () => {
  serveAll();

  it.each([
    ['a 500', { failNext: 1, errorStatus: 500 }],
    ['a 400', { failNext: 1, errorStatus: 400 }],
    ['a 403', { failNext: 1, errorStatus: 403 }],
    ['garbage', { garbage: true }],
    ['a redirect', { redirect: true }],
    ['an answer of megabytes', { huge: true }],
    ['an answer about another sku', { wrongSku: true }],
    ['an answer in words', { answer: { sku: 'x', quantity: 'many' } }],
    ['a longer Retry-After than there is time', { failNext: 1, retryAfter: 30 }],
  ])('are not made after %s', async (_, switches) => {
    await sandbox.switch('inventory', switches);
    expectUnavailable(await availability<ProblemBody>(unseen()));
    expect(await requests()).toBe(1);
  });

  it('pass on for how long the inventory asks to be left alone', async () => {
    await sandbox.switch('inventory', { failNext: 1, retryAfter: 30 });
    expect((await availability(unseen())).headers.get('retry-after')).toBe('30');
  });
});

describe('With an inventory that does not answer', () => {
  serveEach();

  it('the last answer is given, as such', async () => {
    const id = unseen();
    const { body } = await availability(id);
    await sandbox.switch('inventory', { hang: true });
    await sleep(FRESH_MS);
    const stale = await availability(id);
    expect(stale.status).toBe(200);
    expect(stale.body).toEqual({ ...body, stale: true });
    expect(Number(stale.headers.get('age'))).toBeGreaterThanOrEqual(2);
  });

  it('the last answer is given by another replica, which has it from Redis', async () => {
    const id = unseen();
    const { body } = await availability(id);
    await sandbox.switch('inventory', { down: true });
    const other = await start();
    await sleep(FRESH_MS);
    expect((await availability(id, other)).body).toEqual({ ...body, stale: true });
    const [key = ''] = await client.keys('farmlokal:stock:*');
    expect(await client.ttl(key)).toBeGreaterThan(86_300);
    await other.stop();
  });

  it('the breaker opens, nobody is asked, and it closes again by itself', async () => {
    const id = unseen();
    const { body } = await availability(id);
    await sandbox.switch('inventory', { hang: true });
    await openBreaker();
    await sandbox.switch('inventory', { hang: false });
    const before = await requests();
    const refused = await askMany(20);
    expect(statusesOf(refused)).toEqual([503]);
    for (const { headers } of refused) {
      const seconds = Number(headers.get('retry-after'));
      expect(seconds).toBeGreaterThanOrEqual(1);
      expect(seconds).toBeLessThanOrEqual(RESET_MS / 1000);
    }
    await sleep(FRESH_MS);
    expect((await availability(id)).body).toEqual({ ...body, stale: true });
    expect(await requests()).toBe(before);

    await eventually(
      async () => ((await availability(id)).body.stale ? undefined : true),
      RESET_MS + 1000,
    );
    expect(statusesOf(await askMany(10))).toEqual([200]);
    const metrics = (await ask<string>(`${service.url}/metrics`)).body;
    expect(metrics).toContain(
      'farmlokal_breaker_transitions_total{dependency="inventory",state="open"} 1',
    );
    expect(metrics).toContain(
      'farmlokal_breaker_transitions_total{dependency="inventory",state="closed"} 1',
    );
    await service.untilLogged('The breaker closes');
  });

  it('the breaker opens as soon as ever, when it has just closed', async () => {
    await sandbox.switch('inventory', { hang: true });
    await openBreaker();
    const refused = Date.now() + RESET_MS - 1000;
    while (Date.now() < refused) {
      await askMany(20);
      await sleep(50);
    }
    await sandbox.switch('inventory', { hang: false });
    await eventually(async () =>
      service.logs().includes('The breaker closes') ? true : (await askMany(1), undefined),
    );
    await sandbox.switch('inventory', { hang: true });
    const before = await requests();
    await askMany(200);
    await service.untilLogged('The breaker opens', 2);
    // Those that were let in at once, and not again and again.
    expect((await requests()) - before).toBeLessThanOrEqual(120);
  });

  it('the listing is untouched', async () => {
    await sandbox.switch('inventory', { hang: true });
    const waiting = askMany(300);
    const pages = await Promise.all(
      Array.from({ length: 50 }, (_, nth) => ask(`${service.url}/api/products?limit=${nth + 1}`)),
    );
    expect(statusesOf(pages)).toEqual([200]);
    expect(statusesOf(await waiting)).toEqual([503]);
  });

  it('4xx answers do not open the breaker', async () => {
    await sandbox.switch('inventory', { errorRate: 1, errorStatus: 403 });
    await askMany(MANY);
    await sandbox.switch('inventory', { errorRate: 0 });
    expect((await availability(unseen())).status).toBe(200);
    await service.untilLogged('The inventory answers with status 403');
    expect(service.logs()).not.toContain('The breaker opens');
  });
});

describe('When the service is told to stop', () => {
  it('an answer that is waited for still comes, and then it ends at once', async () => {
    const slow = await start({
      INVENTORY_TIMEOUT_MS: '4000',
      INVENTORY_DEADLINE_MS: '5000',
      DATABASE_STATEMENT_TIMEOUT_MS: '100',
    });
    await sandbox.switch('inventory', { latencyMs: 2500 });
    const answer = availability(unseen(), slow);
    await eventually(async () => ((await requests()) > 0 ? true : undefined));
    const began = performance.now();
    const stopped = slow.stop();
    expect((await answer).status).toBe(200);
    expect(await stopped).toBe(0);
    expect(performance.now() - began).toBeLessThan(4500);
  });
});

describe('No log and no answer', () => {
  serveAll();

  it('has the secret or a token in it', async () => {
    const development = await start({ NODE_ENV: 'development' });
    const answers: Answer<unknown>[] = [];
    for (const switches of [
      {},
      { wrongToken: true },
      { garbage: true },
      { reset: true },
      { errorRate: 1 },
      { hang: true },
      { down: true },
    ]) {
      await sandbox.reset();
      await sandbox.switch('inventory', switches);
      for (const replica of [service, development]) {
        answers.push(await availability(unseen(), replica));
      }
    }
    const [key = ''] = await client.keys('farmlokal:oauth:token:*');
    const token = (await client.get(key)) ?? 'none was there';
    expect(token).toMatch(/^[\w-]{20,}$/);
    await sandbox.reset();
    for (const switches of [{ oauthError: 'invalid_client' }, { garbage: true }, { down: true }]) {
      await client.flushall();
      await sandbox.switch('oauth', switches);
      const fresh = await start({ NODE_ENV: 'development' });
      answers.push(await availability(unseen(), fresh));
      await fresh.stop();
      answers.push({ status: 0, headers: new Headers(), body: fresh.logs() });
    }
    const said = [service.logs(), development.logs(), JSON.stringify(answers)].join('\n');
    expect(said).toContain('dependency-unavailable');
    const { clientId, clientSecret } = sandbox.partners;
    const basic = Buffer.from(`${clientId}:${clientSecret}`).toString('base64');
    for (const secret of [clientSecret, basic, token, 'Bearer ', 'Basic ']) {
      expect(said).not.toContain(secret);
    }
    await development.stop();
  });
});
