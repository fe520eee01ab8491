import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { type HttpResponse, httpFetch, type ProblemBody } from '../support/http.js';
import { eventually } from '../support/eventually.js';
import type { Service } from '../support/service.js';
import { deleted, SECRET, send } from '../support/signed-event.js';
import {
  type Availability,
  availability,
  FRESH_MS,
  StockFixture,
} from '../support/stock-fixture.js';

/** More concurrent requests than the breaker needs to open. */
const MANY = 60;

let stock: StockFixture;
let service: Service;

beforeAll(async () => {
  stock = await StockFixture.start({
    INVENTORY_TIMEOUT_MS: '2000',
    INVENTORY_DEADLINE_MS: '5000',
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
function serveEach(): void {
  beforeEach(async () => {
    service = await stock.startService();
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

function expectUnavailable({ status, headers, body }: HttpResponse<ProblemBody>): void {
  expect(status).toBe(503);
  expect(body.type).toBe('urn:problem-type:farmlokal:dependency-unavailable');
  expect(headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
}

describe('GET /api/products/:id/availability', () => {
  serveAll();

  it('returns the stock level of the inventory', async () => {
    const id = stock.unseenProduct();
    const sku = await stock.skuOf(id);
    await stock.sandbox.switch('inventory', { stock: { [sku]: 12.5 } });
    const { status, headers, body } = await availability(service, id);
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

  it('sends one stock request for concurrent clients and reuses its response for two seconds', async () => {
    const id = stock.unseenProduct();
    await stock.sandbox.switch('inventory', { latencyMs: 100 });
    const responses = await Promise.all(
      Array.from({ length: 50 }, () => availability(service, id)),
    );
    expect(statusesOf(responses)).toEqual([200]);
    await availability(service, id);
    expect(await stock.requests()).toBe(1);
    const [first] = responses;
    await sleep(FRESH_MS);
    const later = await availability(service, id);
    expect(later.body.stale).toBe(false);
    expect(later.body.asOf).not.toBe(first?.body.asOf);
    expect(await stock.requests()).toBe(2);
  });

  it('reuses a fresh stock level of another replica', async () => {
    const id = stock.unseenProduct();
    const other = await stock.startService();
    const { body } = await availability(service, id);
    await eventually(async () =>
      (await stock.redis.keys('farmlokal:stock:*')).length > 0 ? true : undefined,
    );
    expect((await availability(other, id)).body).toEqual(body);
    expect(await stock.requests()).toBe(1);
    await other.stop();
  });

  it('serves many products at once without the response cache', async () => {
    const patient = await stock.startService({
      INVENTORY_TIMEOUT_MS: '10000',
      INVENTORY_DEADLINE_MS: '10000',
    });
    const pages = async (): Promise<string[]> =>
      (await httpFetch<string>(`${patient.url}/metrics`)).body
        .split('\n')
        .filter((line) => line.startsWith('farmlokal_page_cache_requests_total{'));
    const before = await pages();
    const requested = Array.from({ length: 150 }, () => stock.unseenProduct());
    const responses = await Promise.all(requested.map((id) => availability(patient, id)));
    expect(responses.map(({ status, body }) => [status, body.productId])).toEqual(
      requested.map((id) => [200, id]),
    );
    expect(await pages()).toEqual(before);
    await patient.stop();
  });

  it('answers 404 at once for a deleted product', async () => {
    const notified = await stock.startService({ WEBHOOK_SECRETS: SECRET });
    const id = stock.unseenProduct();
    expect((await availability(notified, id)).status).toBe(200);
    const sku = await stock.skuOf(id);
    await send(notified.url, deleted(sku, 1));
    const { status, body } = await availability<ProblemBody>(notified, id);
    expect({ status, detail: body.detail }).toEqual({
      status: 404,
      detail: `There is no product with the id ${id}.`,
    });
    await notified.stop();
  });

  it('answers 404 for an unknown product without a stock request', async () => {
    const { status, body } = await availability<ProblemBody>(service, '999999999');
    expect({ status, detail: body.detail }).toEqual({
      status: 404,
      detail: 'There is no product with the id 999999999.',
    });
    expect(await stock.requests()).toBe(0);
  });

  it('answers 404 for a product that the inventory does not know', async () => {
    const id = stock.unseenProduct();
    await availability(service, id);
    const sku = await stock.skuOf(id);
    await stock.sandbox.switch('inventory', { stock: { [sku]: null } });
    await sleep(FRESH_MS);
    const { status, body } = await availability<ProblemBody>(service, id);
    expect({ status, detail: body.detail }).toEqual({
      status: 404,
      detail: `The inventory does not know the product ${id}.`,
    });
    // The earlier stock level must not be served again.
    await stock.sandbox.switch('inventory', { down: true });
    expectUnavailable(await availability<ProblemBody>(service, id));
  });

  it.each([
    ['abc/availability', 400],
    ['-1/availability', 400],
    ['9223372036854775808/availability', 400],
    ['1/availability?fresh=true', 400],
    ['1/availability/now', 404],
  ])('answers the path %s with %d', async (path, expected) => {
    const { status, body } = await httpFetch<ProblemBody>(`${service.url}/api/products/${path}`);
    expect({ status, problem: body.status }).toEqual({ status: expected, problem: expected });
  });

  it('answers HEAD and rejects other methods', async () => {
    const url = `${service.url}/api/products/${stock.unseenProduct()}/availability`;
    expect((await httpFetch(url, { method: 'HEAD' })).status).toBe(200);
    const { status, headers } = await httpFetch(url, { method: 'DELETE' });
    expect(status).toBe(405);
    expect(headers.get('allow')).toContain('GET');
  });

  it('encodes the sku in the stock request', async () => {
    const sku = `a/b ?#%é..${randomUUID()}..`;
    const id = stock.unseenProduct();
    await stock.database.query('UPDATE products SET sku = $2 WHERE id = $1', [id, sku]);
    await stock.sandbox.switch('inventory', { stock: { [sku]: 7 } });
    expect((await availability(service, id)).body.quantity).toBe(7);
  });

  it.each([
    ['no inventory', { INVENTORY_API_URL: '' }, 'No inventory is configured.'],
    [
      'no OAuth client',
      { OAUTH_TOKEN_URL: '', OAUTH_CLIENT_ID: '', OAUTH_CLIENT_SECRET: '' },
      'No OAuth client is configured.',
    ],
  ])('answers 503 with %s', async (_, env, detail) => {
    const bare = await stock.startService(env);
    const response = await availability<ProblemBody>(bare, stock.unseenProduct());
    expectUnavailable(response);
    expect(response.body.detail).toBe(detail);
    await bare.stop();
  });
});

describe('A token that the inventory rejects', () => {
  serveEach();

  it('is replaced each time, without an error for the client', async () => {
    await availability(service, stock.unseenProduct());
    for (const issued of [2, 3]) {
      await stock.sandbox.revoke();
      expect(statusesOf(await requestMany())).toEqual([200]);
      expect((await stock.sandbox.state()).oauth.counts.tokensIssued).toBe(issued);
    }
  });

  it('is not replaced over and over when the inventory rejects every token', async () => {
    await stock.sandbox.switch('inventory', { wrongToken: true });
    for (let nth = 0; nth < 30; nth += 1) {
      expectUnavailable(await availability<ProblemBody>(service, stock.unseenProduct()));
    }
    expect((await stock.sandbox.state()).oauth.counts.tokensIssued).toBeLessThanOrEqual(3);
  });
});
