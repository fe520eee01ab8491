import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { type AddressInfo, connect } from 'node:net';

import type { RedisServer } from '../../dev/redis-server.js';
import { httpFetch, type ProblemBody } from '../support/http.js';
import { createDatabase, type Database } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { insertProducts } from '../support/products.js';
import { startRedis } from '../support/redis-server.js';
import { type Sandbox, startSandbox } from '../support/sandbox.js';
import { type Service, startReadyService } from '../support/service.js';
import { deleted, send, signatureHeaders } from '../support/signed-event.js';

interface Line {
  readonly level: string;
  readonly time: string;
  readonly context: string;
  readonly message?: string;
  readonly requestId?: string;
  readonly [field: string]: unknown;
}

const TOKEN = 'only-operators-know-this';
const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

let redis: RedisServer;
let database: Database;
let sandbox: Sandbox;
let service: Service;

beforeAll(async () => {
  [database, redis, sandbox] = await Promise.all([createDatabase(), startRedis(), startSandbox()]);
  await insertProducts(database, [{ name: 'One' }, { name: 'Two' }]);
  service = await start();
});

afterAll(async () => {
  await service.stop();
  await Promise.all([sandbox.stop(), redis.stop(), database.drop()]);
});

beforeEach(async () => {
  await sandbox.reset();
});

async function start(env: Record<string, string> = {}): Promise<Service> {
  return await startReadyService({
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    ...sandbox.environment(),
    METRICS_TOKEN: TOKEN,
    ...env,
  });
}

function lines({ logs }: Service): Line[] {
  return (
    logs()
      .split('\n')
      // The last line may be incomplete.
      .filter((line) => line.endsWith('}'))
      .map((line) => JSON.parse(line) as Line)
  );
}

/** The access log line of a request id. */
async function lineOf(requestId: string, of = service): Promise<Line> {
  return await eventually(() =>
    Promise.resolve(
      lines(of).find((line) => line.context === 'http' && line.requestId === requestId),
    ),
  );
}

async function metrics({ url } = service): Promise<string> {
  const headers = { authorization: `Bearer ${TOKEN}` };
  return (await httpFetch<string>(`${url}/metrics`, { headers })).body;
}

/** The value of the first sample whose name and labels start with this text. */
async function sample(name: string, of = service): Promise<number> {
  const found = (await metrics(of)).split('\n').filter((line) => line.startsWith(name));
  return Number(found[0]?.split(' ').at(-1));
}

describe('GET /metrics', () => {
  it('requires the token', async () => {
    for (const authorization of ['', 'Bearer', 'Bearer wrong', `Basic ${TOKEN}`, TOKEN]) {
      const { status, headers, body } = await httpFetch<ProblemBody>(`${service.url}/metrics`, {
        headers: { authorization },
      });
      expect(status).toBe(401);
      expect(headers.get('www-authenticate')).toBe('Bearer');
      expect(body.type).toBe('urn:problem-type:farmlokal:unauthorized');
    }
    expect(await metrics()).toContain('farmlokal_build_info{');
  });

  it('is public when no token is set', async () => {
    const open = await start({ METRICS_TOKEN: '' });
    expect((await httpFetch(`${open.url}/metrics`)).status).toBe(200);
    expect((await httpFetch(`${open.url}/health`)).body).toHaveProperty('details');
    await open.stop();
  });

  it('returns a summary to a client that accepts JSON', async () => {
    const { status, headers, body } = await httpFetch<Record<string, unknown>>(
      `${service.url}/metrics`,
      {
        headers: { authorization: `Bearer ${TOKEN}`, accept: 'application/json' },
      },
    );
    expect(status).toBe(200);
    expect(headers.get('vary')).toBe('Accept');
    expect(body).toEqual({
      status: 'ok',
      service: 'farmlokal',
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      uptimeSeconds: expect.any(Number),
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      database: 'up',
      redis: 'up',
    });
  });

  it('varies by Accept and by the origin that CORS allows', async () => {
    const other = await start({ CORS_ORIGINS: 'https://shop.example' });
    const { headers } = await httpFetch(`${other.url}/metrics`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    expect(headers.get('vary')).toBe('Origin, Accept');
    await other.stop();
  });

  it('counts requests by route, with one label for all unknown paths', async () => {
    const unmatched =
      'farmlokal_http_request_duration_seconds_count{method="GET",route="unmatched",status="4xx"}';
    const before = (await sample(unmatched)) || 0;
    await httpFetch(`${service.url}/api/products/1`);
    for (const path of ['/no-such-path', '/else', '/api/products/1/2/3', '/%zz']) {
      await httpFetch(service.url + path);
    }
    await httpFetch(`${service.url}/api/products`, { method: 'PURGE' }).catch(() => undefined);
    await eventually(async () => ((await sample(unmatched)) === before + 4 ? true : undefined));
    const text = await metrics();
    expect(text).toContain('_count{method="GET",route="/api/products/:id",status="2xx"}');
    expect(text).not.toContain('/nothing');
    expect(text).not.toContain('PURGE');
  });

  it('counts pages by the layer that served them', async () => {
    const path = '/api/products?limit=7';
    await httpFetch(service.url + path);
    const hits = await sample('farmlokal_page_cache_requests_total{layer="memory",result="hit"}');
    await httpFetch(service.url + path);
    expect(await sample('farmlokal_page_cache_requests_total{layer="memory",result="hit"}')).toBe(
      (hits || 0) + 1,
    );
    expect(
      await sample('farmlokal_page_cache_requests_total{layer="database",result="miss"}'),
    ).toBeGreaterThan(0);
    const other = await start();
    await httpFetch(other.url + path);
    expect(
      await sample('farmlokal_page_cache_requests_total{layer="redis",result="hit"}', other),
    ).toBe(1);
    await other.stop();
  });

  it('shows the state of the dependencies', async () => {
    await httpFetch(`${service.url}/api/products/1/availability`);
    const text = await metrics();
    for (const part of [
      'farmlokal_database_up 1',
      'farmlokal_database_pool_max 10',
      'farmlokal_database_pool_connections{state="idle"}',
      'farmlokal_database_pool_connections{state="waiting"} 0',
      'farmlokal_redis_up 1',
      'farmlokal_redis_command_duration_seconds_count',
      'farmlokal_breaker_state{dependency="inventory",state="closed"} 1',
      'farmlokal_breaker_state{dependency="inventory",state="open"} 0',
      'farmlokal_oauth_token_fetches_total{result="granted"}',
      'nodejs_eventloop_lag_p99_seconds',
      'nodejs_gc_duration_seconds_count',
      'process_resident_memory_bytes',
    ]) {
      expect(text).toContain(part);
    }
    expect(await sample('farmlokal_oauth_token_age_seconds')).toBeGreaterThanOrEqual(0);
    expect(await sample('farmlokal_oauth_token_expires_in_seconds')).toBeGreaterThan(0);
  });

  it('counts problems and throttled requests', async () => {
    const limited = await start({ THROTTLE_LIMIT: '1', REDIS_URL: '' });
    await httpFetch(`${limited.url}/`);
    await httpFetch(`${limited.url}/`);
    expect(await sample('farmlokal_throttled_requests_total', limited)).toBe(1);
    expect(await sample('farmlokal_problems_total{type="rate-limited"}', limited)).toBe(1);
    await limited.stop();
  });
});

describe('GET /health', () => {
  it('shows only the status without the token', async () => {
    // A report is cached for a second, even after the outage has ended.
    const report = await eventually(async () => {
      const { status, body } = await httpFetch(`${service.url}/health`);
      return status === 200 ? body : undefined;
    });
    expect(report).toEqual({ status: 'ok' });
    const headers = { authorization: `Bearer ${TOKEN}` };
    expect((await httpFetch(`${service.url}/health`, { headers })).body).toHaveProperty(
      'details.database',
    );
  });
});

describe('The log', () => {
  it('has one line of JSON for each request', async () => {
    const requestId = randomUUID();
    await httpFetch(`${service.url}/api/products?limit=3&category=Secret`, {
      headers: { 'x-request-id': requestId, traceparent: TRACEPARENT },
    });
    const line = await lineOf(requestId);
    expect(line).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      context: 'http',
      requestId,
      method: 'GET',
      path: '/api/products',
      route: '/api/products',
      status: 200,
      durationMs: expect.any(Number),
      client: '127.0.0.1',
      traceparent: TRACEPARENT,
    });
    expect(lines(service).filter((other) => other.requestId === requestId)).toHaveLength(1);
  });

  it('has a line for bytes that are not HTTP, for a bad URL, and for a client that has disconnected', async () => {
    const [badUrl, gone] = [randomUUID(), randomUUID()];
    const { hostname, port } = new URL(service.url);
    const socket = connect(Number(port), hostname);
    socket.end('NONSENSE\r\n\r\n');
    socket.resume();
    await once(socket, 'close');
    await eventually(() =>
      Promise.resolve(
        lines(service).find(
          ({ fault, status }) => fault === 'HPE_INVALID_METHOD' && status === 400,
        ),
      ),
    );

    await httpFetch(`${service.url}/%zz`, { headers: { 'x-request-id': badUrl } });
    expect(await lineOf(badUrl)).toMatchObject({ level: 'info', status: 400 });

    const [unseen = ''] = await insertProducts(database, [{}]);
    await sandbox.switch('inventory', { latencyMs: 700 });
    await fetch(`${service.url}/api/products/${unseen}/availability`, {
      headers: { 'x-request-id': gone },
      signal: AbortSignal.timeout(200),
    }).catch(() => undefined);
    expect(await lineOf(gone)).toMatchObject({ level: 'info', status: 499 });
  });

  it('has client errors at the level info', async () => {
    const requestId = randomUUID();
    await httpFetch(`${service.url}/api/products?limit=0`, {
      headers: { 'x-request-id': requestId },
    });
    expect(await lineOf(requestId)).toMatchObject({ level: 'info', status: 400 });
    await httpFetch(`${service.url}/api/products`, { headers: { 'x-request-id': 'not sane' } });
    expect(service.logs()).not.toContain('not sane');
  });

  it('contains no secret and no signature', async () => {
    const requestId = randomUUID();
    const event = JSON.stringify(deleted('A', 1));
    const signed = signatureHeaders(event, { secret: sandbox.environment().WEBHOOK_SECRETS ?? '' });
    await send(service.url, event, { headers: signed });
    await httpFetch(`${service.url}/whsec_c2VjcmV0c2VjcmV0/Bearer%20abcdef`, {
      headers: { authorization: 'Bearer something', 'x-request-id': requestId },
    });
    await lineOf(requestId);
    for (const secret of [
      'c2VjcmV0c2VjcmV0',
      'Bearer something',
      TOKEN,
      String(signed['webhook-signature']),
      new URL(database.url).password,
      new URL(redis.url).password,
    ].filter((text) => text !== '')) {
      expect(service.logs()).not.toContain(secret);
    }
  });

  it('sends the trace context to the inventory', async () => {
    const received: IncomingHttpHeaders[] = [];
    const inventory = createServer((request, response) => {
      received.push(request.headers);
      response.end();
    }).listen(0, '127.0.0.1');
    await once(inventory, 'listening');
    const { port } = inventory.address() as AddressInfo;
    const traced = await start({ INVENTORY_API_URL: `http://127.0.0.1:${port}` });
    const headers = { traceparent: TRACEPARENT, tracestate: 'a=1' };
    await httpFetch(`${traced.url}/api/products/1/availability`, { headers });
    await httpFetch(`${traced.url}/api/products/2/availability`, { headers: { traceparent: 'x' } });
    await traced.stop();
    inventory.close();
    expect(received[0]).toMatchObject(headers);
    expect(received.at(-1)).not.toHaveProperty('traceparent');
  });
});
