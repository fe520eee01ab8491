import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';

import type { RedisServer } from '../../dev/redis-server.js';
import {
  type HttpResponse,
  httpFetch,
  type ProblemBody,
  type ProductPage,
} from '../support/http.js';
import { createDatabase, type Database } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { connectPostgres } from '../support/postgres-client.js';
import { type RawResponse, RawConnection } from '../support/raw-connection.js';
import { startRedis } from '../support/redis-server.js';
import { type Service, startReadyService } from '../support/service.js';
import { deleted, SECRET, send, signatureHeaders, upserted } from '../support/signed-event.js';

const OTHER_SECRET = `whsec_${randomBytes(32).toString('base64')}`;
const MAX_BODY = 256 * 1024;

let redis: RedisServer;
let client: Redis;
let database: Database;
let service: Service;
let other: Service;

beforeAll(async () => {
  [database, redis] = await Promise.all([createDatabase(), startRedis()]);
  client = new Redis(redis.url);
  [service, other] = await Promise.all([start(), start()]);
});

afterAll(async () => {
  client.disconnect();
  await Promise.all([service.stop(), other.stop()]);
  await Promise.all([database.drop(), redis.stop()]);
});

async function start(env: Record<string, string> = {}): Promise<Service> {
  return await startReadyService({
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    WEBHOOK_SECRETS: `${OTHER_SECRET},${SECRET}`,
    DATABASE_STATEMENT_TIMEOUT_MS: '2000',
    CACHE_TTL_MS: '60000',
    LOG_LEVEL: 'trace',
    ...env,
  });
}

interface Row extends Record<string, unknown> {
  readonly name: string | null;
  readonly price: string | null;
  readonly revision: string;
  readonly deleted: boolean;
}

async function row(sku: string): Promise<Row | undefined> {
  const [found] = await database.query<Row>(
    `SELECT name, price::text, revision::text, deleted_at IS NOT NULL AS deleted
     FROM products WHERE sku = $1`,
    [sku],
  );
  return found;
}

async function recorded(id: string): Promise<Record<string, unknown>[]> {
  return await database.query(
    "SELECT type, encode(digest, 'hex') AS digest, status FROM webhook_events WHERE id = $1",
    [id],
  );
}

async function events(): Promise<number> {
  const [found] = await database.query<{ count: string }>('SELECT count(*) FROM webhook_events');
  return Number(found?.count);
}

function outcome({ status, body }: HttpResponse<{ status: string }>): [number, string] {
  return [status, body.status];
}

function problem({ status, headers, body }: HttpResponse<ProblemBody>): [number, string] {
  expect(headers.get('content-type')).toContain('application/problem+json');
  expect(body.status).toBe(status);
  return [status, body.type.replace('urn:problem-type:farmlokal:', '')];
}

describe('POST /api/webhooks/catalog', () => {
  it('answers once the product is committed', async () => {
    const sku = randomUUID();
    const id = randomUUID();
    const event = JSON.stringify(upserted(sku, 1, { latitude: 18.5, longitude: 73.8 }));
    expect(outcome(await send(service.url, event, { id }))).toEqual([200, 'processed']);
    expect(await row(sku)).toEqual({ name: 'Okra', price: '49.50', revision: '1', deleted: false });
    const digest = createHash('sha256').update(event).digest('hex');
    expect(await recorded(id)).toEqual([{ type: 'product.upserted', digest, status: 'processed' }]);
  });

  it('changes and deletes a product in the order of its revisions', async () => {
    const sku = randomUUID();
    await send(service.url, upserted(sku, 1));
    await send(service.url, upserted(sku, 2, { name: 'Lady Finger', price: '51.00' }));
    expect(await row(sku)).toMatchObject({ name: 'Lady Finger', price: '51.00', revision: '2' });
    await send(service.url, deleted(sku, 3));
    expect(await row(sku)).toMatchObject({ revision: '3', deleted: true });
    await send(service.url, upserted(sku, 4));
    expect(await row(sku)).toMatchObject({ name: 'Okra', revision: '4', deleted: false });
  });

  it.each([
    ['an older revision', 4],
    ['the same revision', 5],
  ])('processes an event with %s and leaves the row unchanged', async (_, revision) => {
    const sku = randomUUID();
    await send(service.url, upserted(sku, 5));
    for (const event of [upserted(sku, revision, { name: 'Late' }), deleted(sku, revision)]) {
      const id = randomUUID();
      expect(outcome(await send(service.url, event, { id }))).toEqual([200, 'processed']);
      expect(await row(sku)).toMatchObject({ name: 'Okra', revision: '5', deleted: false });
      expect(await recorded(id)).toHaveLength(1);
    }
  });

  it('does not restore a deleted product from a late event', async () => {
    for (const known of [true, false]) {
      const sku = randomUUID();
      if (known) await send(service.url, upserted(sku, 1));
      await send(service.url, deleted(sku, 3));
      expect(outcome(await send(service.url, upserted(sku, 2)))).toEqual([200, 'processed']);
      expect(await row(sku)).toMatchObject({ revision: '3', deleted: true });
    }
  });

  it('records and ignores an unknown type', async () => {
    const id = randomUUID();
    const event = { type: 'farm.opened', timestamp: 'whenever' };
    expect(outcome(await send(service.url, event, { id }))).toEqual([200, 'ignored']);
    expect(await recorded(id)).toMatchObject([{ type: 'farm.opened', status: 'ignored' }]);
    expect(outcome(await send(service.url, event, { id }))).toEqual([200, 'duplicate']);
  });

  it('answers duplicate to a repeated event, with and without its entry in Redis', async () => {
    const sku = randomUUID();
    const id = randomUUID();
    const event = upserted(sku, 1);
    await send(service.url, event, { id });
    await database.query('UPDATE products SET name = $2 WHERE sku = $1', [sku, 'Touched']);
    for (const { url } of [service, other]) {
      expect(outcome(await send(url, event, { id }))).toEqual([200, 'duplicate']);
      await client.flushall();
      expect(outcome(await send(url, event, { id }))).toEqual([200, 'duplicate']);
    }
    expect(await row(sku)).toMatchObject({ name: 'Touched' });
    expect(await recorded(id)).toHaveLength(1);
  });

  it('rejects another body under the same id, with and without its entry in Redis', async () => {
    const sku = randomUUID();
    const id = randomUUID();
    await send(service.url, upserted(sku, 1), { id });
    for (const remembered of [true, false]) {
      if (!remembered) await client.flushall();
      const response = await send<ProblemBody>(service.url, upserted(sku, 2), { id });
      expect(problem(response)).toEqual([422, 'event-id-reused']);
    }
    expect(await row(sku)).toMatchObject({ revision: '1' });
  });

  it('processes an event once that arrives many times at once', async () => {
    const sku = randomUUID();
    const id = randomUUID();
    const event = upserted(sku, 1);
    const responses = await Promise.all(
      Array.from({ length: 60 }, (_, nth) => send((nth % 2 ? service : other).url, event, { id })),
    );
    const statuses = responses.map(({ status, body }) => (status === 200 ? body.status : status));
    expect(statuses.filter((status) => status === 'processed')).toHaveLength(1);
    expect(statuses.every((status) => ['processed', 'duplicate', 409].includes(status))).toBe(true);
    for (const { status, headers } of responses) {
      if (status === 409) expect(headers.get('retry-after')).toBe('1');
    }
    expect(outcome(await send(service.url, event, { id }))).toEqual([200, 'duplicate']);
    expect(await recorded(id)).toHaveLength(1);
  });

  it('answers 409 while another replica has the lease on the event, until the lease expires', async () => {
    const id = randomUUID();
    await client.set(`farmlokal:webhook:${id}`, 'claimed by-a-dead-one', 'PX', 500);
    const event = upserted(randomUUID(), 1);
    const response = await send<ProblemBody>(service.url, event, { id });
    expect(problem(response)).toEqual([409, 'event-in-progress']);
    await sleep(600);
    expect(outcome(await send(service.url, event, { id }))).toEqual([200, 'processed']);
  });

  it.each([['garbage'], ['claimed for-ever'], ['finished nonsense x'], ['']])(
    'processes an event once with %j in Redis',
    async (garbage) => {
      const id = randomUUID();
      const event = upserted(randomUUID(), 1);
      await client.set(`farmlokal:webhook:${id}`, garbage);
      expect(outcome(await send(service.url, event, { id }))).toEqual([200, 'processed']);
      await client.del(`farmlokal:webhook:${id}`);
      await client.lpush(`farmlokal:webhook:${id}`, garbage);
      expect((await send(service.url, event, { id })).status).toBe(200);
      expect(await recorded(id)).toHaveLength(1);
    },
  );

  it('stores text unchanged', async () => {
    const sku = `${randomUUID()} ' " \\ $1 é 🥬`;
    const name = 'भिंडी \u0001 🥬';
    expect(outcome(await send(service.url, upserted(sku, 1, { name })))).toEqual([
      200,
      'processed',
    ]);
    expect(await row(sku)).toMatchObject({ name });
  });

  it('verifies the raw bytes, however the JSON is written', async () => {
    const sku = randomUUID();
    const text = JSON.stringify(upserted(sku, 1, { latitude: 18.5, longitude: 73.8 }))
      .replace('"revision":1', '"revision" :  1.0')
      .replace('18.5', '1850e-2')
      .replace('Okra', '\\u004fkra');
    expect(outcome(await send(service.url, text))).toEqual([200, 'processed']);
    expect(await row(sku)).toMatchObject({ name: 'Okra', revision: '1' });
  });
});

describe('A signed event', () => {
  /** Sends an event with exactly these header lines; fetch would join lines of the same name. */
  async function sendLines(event: string, lines: readonly string[]): Promise<RawResponse> {
    const connection = await RawConnection.open(service.url);
    const head = [
      'POST /api/webhooks/catalog HTTP/1.1',
      'Host: x',
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(event)}`,
      ...lines,
    ];
    connection.write(`${head.join('\r\n')}\r\n\r\n${event}`);
    const response = await connection.nextResponse();
    connection.close();
    if (response === undefined) throw new Error('There is no response');
    return response;
  }

  const wrong = `v1,${'A'.repeat(43)}=`;

  it.each<[string, (valid: string) => string[]]>([
    ['in the first of two headers', (valid) => [valid, wrong]],
    ['in the last of three headers', (valid) => [wrong, `v1a,${'B'.repeat(86)}==`, valid]],
    ['among several in one header', (valid) => [`${wrong} v2,x ${valid} ${wrong}`]],
    ['among several in each of two headers', (valid) => [`${wrong} ${wrong}`, `${wrong} ${valid}`]],
    ['after 300 others', (valid) => [`${`${wrong} `.repeat(300)}${valid}`]],
  ])('is accepted with the valid signature %s', async (_, values) => {
    const event = JSON.stringify(upserted(randomUUID(), 1));
    const headers = signatureHeaders(event);
    const response = await sendLines(event, [
      `webhook-id: ${headers['webhook-id']}`,
      `webhook-timestamp: ${headers['webhook-timestamp']}`,
      ...values(headers['webhook-signature'] ?? '').map((value) => `webhook-signature: ${value}`),
    ]);
    expect([response.status, response.body]).toEqual([200, '{"status":"processed"}']);
  });

  it.each([['Identity'], ['IDENTITY'], [''], ['identity, identity'], [' identity ']])(
    'is accepted with the Content-Encoding %j',
    async (encoding) => {
      const event = upserted(randomUUID(), 1);
      const headers = { 'content-encoding': encoding };
      expect(outcome(await send(service.url, event, { headers }))).toEqual([200, 'processed']);
    },
  );

  it.each(['2016-12-31T23:59:60Z', '2026-11-23T06:30:00.123456789012+05:30'])(
    'is accepted with the timestamp %s',
    async (timestamp) => {
      const event = { ...upserted(randomUUID(), 1), timestamp };
      expect(outcome(await send(service.url, event))).toEqual([200, 'processed']);
    },
  );
});

describe('A catalog in another currency', () => {
  it('accepts prices in that currency only', async () => {
    const european = await start({ CURRENCY: 'EUR' });
    const sku = randomUUID();
    const priced = (currency: string, revision: number) =>
      send<ProblemBody>(european.url, upserted(sku, revision, { currency, price: '120.00' }));
    expect((await priced('EUR', 1)).status).toBe(200);
    for (const currency of ['USD', 'INR', 'eur']) {
      const response = await priced(currency, 2);
      expect(problem(response)).toEqual([422, 'validation-failed']);
      expect(response.body.errors).toEqual([
        { parameter: 'data.currency', message: 'must be EUR, the currency of this catalog' },
      ]);
    }
    expect(await row(sku)).toMatchObject({ revision: '1', price: '120.00' });
    await european.stop();
  });

  it('still lists products that were stored in another currency', async () => {
    const category = randomUUID();
    await send(service.url, upserted(randomUUID(), 1, { category }));
    const european = await start({ CURRENCY: 'EUR' });
    const { body } = await httpFetch<ProductPage>(
      `${european.url}/api/products?category=${category}`,
    );
    expect(body.data.map(({ currency }) => currency)).toEqual(['INR']);
    await european.stop();
  });
});

describe('A rejected event', () => {
  let before: number;

  beforeEach(async () => {
    before = await events();
  });

  afterEach(async () => {
    expect(await events()).toBe(before);
  });

  const event = JSON.stringify(upserted('refused', 1));

  it.each<[string, Record<string, string>]>([
    ['the wrong secret', signatureHeaders(event, { secret: `whsec_${'A'.repeat(32)}` })],
    ['an old timestamp', signatureHeaders(event, { timestamp: (Date.now() / 1000 - 310) | 0 })],
    [
      'a timestamp in the future',
      signatureHeaders(event, { timestamp: (Date.now() / 1000 + 600) | 0 }),
    ],
    ['another id', { ...signatureHeaders(event), 'webhook-id': 'another' }],
    [
      'another timestamp',
      { ...signatureHeaders(event, { timestamp: 1 }), 'webhook-timestamp': '2' },
    ],
    ['another body', signatureHeaders(`${event} `)],
    ['no id', omit('webhook-id')],
    ['no timestamp', omit('webhook-timestamp')],
    ['no signature', omit('webhook-signature')],
    ['an empty signature', { ...signatureHeaders(event), 'webhook-signature': '' }],
    [
      'a hundred signatures',
      { ...signatureHeaders(event), 'webhook-signature': 'v1,AAAA '.repeat(100) },
    ],
  ])('is not recorded when it has %s', async (_, headers) => {
    const response = await httpFetch<ProblemBody>(`${service.url}/api/webhooks/catalog`, {
      method: 'POST',
      headers,
      body: event,
    });
    expect(problem(response)).toEqual([401, 'invalid-signature']);
    expect(response.headers.get('www-authenticate')).not.toBeNull();
  });

  function omit(name: string): Record<string, string> {
    const { [name]: _, ...headers } = signatureHeaders(event);
    return headers;
  }

  it('gets a problem that names the missing headers', async () => {
    const signed = signatureHeaders(event);
    const foreign = Object.fromEntries(
      Object.entries(signed).map(([name, value]) => [name.replace('webhook-', 'svix-'), value]),
    );
    for (const [headers, missing] of [
      [foreign, 'webhook-id, webhook-timestamp, webhook-signature'],
      [omit('webhook-timestamp'), 'webhook-timestamp'],
      [{ ...omit('webhook-id'), 'x-webhook-id': '1' }, 'webhook-id'],
    ] as const) {
      const { body } = await httpFetch<ProblemBody>(`${service.url}/api/webhooks/catalog`, {
        method: 'POST',
        headers,
        body: event,
      });
      expect(body.detail).toBe(
        `Missing headers: ${missing}. Headers of other names, such as svix-id, are not read.`,
      );
    }
  });

  it('is not recorded when it has a thousand signatures', async () => {
    const headers = {
      ...signatureHeaders(event),
      'webhook-signature': `v1,${'A'.repeat(43)}= `.repeat(1000),
    };
    const response = await httpFetch<ProblemBody>(`${service.url}/api/webhooks/catalog`, {
      method: 'POST',
      headers,
      body: event,
    });
    expect(response.status).toBe(431);
  });

  it.each<[string, string | Buffer, number, string]>([
    ['bytes that are not JSON', 'nonsense', 400, 'malformed-request'],
    ['an empty body', '', 400, 'malformed-request'],
    ['half of an event', event.slice(0, -1), 400, 'malformed-request'],
    ['bytes that are not UTF-8', Buffer.from([0xff, 0xfe]), 400, 'malformed-request'],
    [
      'a prototype to pollute',
      event.replace('"sku"', '"__proto__":{"sku":"X"},"sku"'),
      400,
      'malformed-request',
    ],
    [
      "a constructor's prototype, in an unknown field",
      event.replace('"data"', '"more":[{"constructor":{"prototype":{}}}],"data"'),
      400,
      'malformed-request',
    ],
    ['an event encoded twice', JSON.stringify(event), 422, 'validation-failed'],
    ['an event without data', '{"type":"product.deleted"}', 422, 'validation-failed'],
    [
      'a product with a price in floats',
      event.replace('"49.50"', '49.50'),
      422,
      'validation-failed',
    ],
  ])('is not recorded when it has %s, even if it is signed', async (_, body, status, slug) => {
    const response = await send<ProblemBody>(service.url, body);
    expect(problem(response)).toEqual([status, slug]);
  });

  it('gets a problem that names the invalid fields', async () => {
    const response = await send<ProblemBody>(service.url, upserted('x', -1, { currency: 'inr' }));
    expect(response.body.errors?.map(({ parameter }) => parameter).sort()).toEqual([
      'data.currency',
      'data.revision',
    ]);
  });

  it('is not recorded when its id has 256 characters or a space', async () => {
    for (const id of ['x'.repeat(256), 'a b']) {
      const response = await send<ProblemBody>(service.url, event, { id });
      expect(problem(response)).toEqual([422, 'validation-failed']);
    }
  });

  it('is not recorded when its body is too large, with and without Content-Length', async () => {
    const large = JSON.stringify(upserted('x', 1, { more: 'x'.repeat(MAX_BODY) }));
    expect(problem(await send<ProblemBody>(service.url, large))).toEqual([
      413,
      'payload-too-large',
    ]);
    const chunked = await httpFetch<ProblemBody>(`${service.url}/api/webhooks/catalog`, {
      method: 'POST',
      headers: signatureHeaders(large),
      body: new Blob([large]).stream(),
      duplex: 'half',
    });
    expect(problem(chunked)).toEqual([413, 'payload-too-large']);
  });

  it.each([
    ['text/plain'],
    ['application/x-www-form-urlencoded'],
    ['application/cloudevents+json'],
    [''],
  ])('is not recorded when it has the media type %j', async (type) => {
    const response = await send<ProblemBody>(service.url, event, {
      headers: { 'content-type': type },
    });
    expect(problem(response)).toEqual([415, 'unsupported-media-type']);
  });

  it.each(['gzip', 'GZIP', 'identity, gzip', 'x'])(
    'is not recorded when it has the Content-Encoding %s',
    async (encoding) => {
      const response = await send<ProblemBody>(service.url, gzipSync(event), {
        headers: { 'content-encoding': encoding },
      });
      expect(problem(response)).toEqual([415, 'unsupported-media-type']);
    },
  );

  it('is not recorded when it has another method or a query parameter', async () => {
    const url = `${service.url}/api/webhooks/catalog`;
    const { status, headers } = await httpFetch(url);
    expect([status, headers.get('allow')]).toEqual([405, 'POST']);
    const response = await httpFetch<ProblemBody>(`${url}?dry=run`, {
      method: 'POST',
      headers: signatureHeaders(event),
      body: event,
    });
    expect(problem(response)).toEqual([400, 'validation-failed']);
  });

  it('is not recorded when no secret is configured', async () => {
    const bare = await start({ WEBHOOK_SECRETS: '' });
    const response = await send<ProblemBody>(bare.url, event);
    expect(problem(response)).toEqual([503, 'dependency-unavailable']);
    await bare.stop();
  });
});

it('A body of 256 KiB is accepted', async () => {
  const bare = JSON.stringify(upserted(randomUUID(), 1, { more: '' }));
  const event = bare.replace('"more":""', `"more":"${'x'.repeat(MAX_BODY - bare.length)}"`);
  expect(event).toHaveLength(MAX_BODY);
  expect(outcome(await send(service.url, event))).toEqual([200, 'processed']);
});

describe('GET /api/products after an event', () => {
  it('shows the change at once on the replica that took the event, and soon on the others', async () => {
    const category = randomUUID();
    const listing = async ({ url }: Service): Promise<string[]> => {
      const { body } = await httpFetch<ProductPage>(`${url}/api/products?category=${category}`);
      return body.data.map(({ name }) => String(name));
    };
    const sku = randomUUID();
    for (const [revision, name] of [
      [1, 'First'],
      [2, 'Second'],
    ] as const) {
      await Promise.all([listing(service), listing(other)]);
      await send(service.url, upserted(sku, revision, { category, name }));
      expect(await listing(service)).toEqual([name]);
      // Well before its cached page expires.
      await eventually(async () => (await listing(other))[0] === name || undefined);
    }
    const id = (
      await database.query<{ id: string }>('SELECT id::text FROM products WHERE sku = $1', [sku])
    )[0]?.id;
    expect((await httpFetch(`${service.url}/api/products/${id}`)).status).toBe(200);
    await send(other.url, deleted(sku, 3));
    expect(await listing(other)).toEqual([]);
    await eventually(async () => (await listing(service)).length === 0 || undefined);
    expect((await httpFetch(`${service.url}/api/products/${id}`)).status).toBe(404);
  });

  it('shows a change that is committed after the sender got a 503', async () => {
    const patient = await start({ DATABASE_STATEMENT_TIMEOUT_MS: '10000' });
    const sku = randomUUID();
    const category = randomUUID();
    const url = `${patient.url}/api/products?category=${category}`;
    const event = upserted(sku, 2, { category, name: 'New' });
    await send(patient.url, upserted(sku, 1, { category, name: 'Old' }));
    const holder = await connectPostgres(database.url);
    await holder.query('BEGIN');
    await holder.query('LOCK TABLE products IN SHARE MODE');
    await httpFetch(url);
    const id = randomUUID();
    expect((await send(patient.url, event, { id })).status).toBe(503);
    await holder.query('ROLLBACK');
    await holder.end();
    await eventually(async () => ((await recorded(id)).length === 1 ? true : undefined));
    await eventually(async () => {
      const [product] = (await httpFetch<ProductPage>(url)).body.data;
      return product?.name === 'New' ? true : undefined;
    });
    expect(outcome(await send(patient.url, event, { id }))).toEqual([200, 'duplicate']);
    await patient.stop();
  });

  it('shows a change whose replica died before publishing it, once the event is sent again', async () => {
    const sku = randomUUID();
    const category = randomUUID();
    const url = `${service.url}/api/products?category=${category}`;
    await send(service.url, upserted(sku, 1, { category, name: 'Old' }));
    await httpFetch(url);
    const id = randomUUID();
    const event = JSON.stringify(upserted(sku, 2, { category, name: 'New' }));
    await client.set(`farmlokal:webhook:${id}`, 'claimed by-a-dead-one', 'PX', 5000);
    await database.query('UPDATE products SET name = $2, revision = 2 WHERE sku = $1', [
      sku,
      'New',
    ]);
    await database.query(
      `INSERT INTO webhook_events (id, type, digest, status, received_at, processed_at)
       VALUES ($1, 'product.upserted', $2, 'processed', now(), now())`,
      [id, createHash('sha256').update(event).digest()],
    );
    expect(outcome(await send(service.url, event, { id }))).toEqual([200, 'duplicate']);
    expect((await httpFetch<ProductPage>(url)).body.data[0]?.name).toBe('New');
  });

  it('serves cached pages when the event changed nothing', async () => {
    const sku = randomUUID();
    await send(service.url, upserted(sku, 5));
    const url = `${service.url}/api/products?limit=7`;
    await httpFetch(url);
    await send(service.url, upserted(sku, 4));
    await send(service.url, { type: 'farm.opened' });
    expect((await httpFetch(url)).headers.get('x-cache')).toBe('HIT');
  });
});

describe('Old events', () => {
  it('are deleted after seven days, in batches, when new events arrive', async () => {
    await database.query("DELETE FROM webhook_events WHERE id = 'young' OR id LIKE 'old-%'");
    await database.query(
      `INSERT INTO webhook_events (id, type, digest, status, received_at, processed_at)
       SELECT 'old-' || n, 'product.deleted', '\\x00', 'processed', at, at
       FROM generate_series(1, 1700) n, LATERAL (SELECT now() - interval '7 days' - n * interval '1 minute') t (at)`,
    );
    await database.query(
      `INSERT INTO webhook_events (id, type, digest, status, received_at, processed_at)
       VALUES ('young', 'product.deleted', '\\x00', 'processed', now() - interval '6.9 days', now())`,
    );
    // A new service: the running ones have just deleted old events.
    const fresh = await start();
    await send(fresh.url, upserted(randomUUID(), 1));
    await eventually(async () => {
      const [left] = await database.query<{ count: string }>(
        "SELECT count(*) FROM webhook_events WHERE id LIKE 'old-%'",
      );
      return left?.count === '0' ? true : undefined;
    });
    expect(await recorded('young')).toHaveLength(1);
    await fresh.untilLogged('Deleted 1700 webhook events older than seven days');
    await fresh.stop();
  });
});

it('No log contains a secret or a signature', () => {
  for (const { logs } of [service, other]) {
    expect(logs()).not.toContain(SECRET.slice(6));
    expect(logs()).not.toContain('v1,');
  }
});
