import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import type { ProblemBody } from '../support/http.js';
import { newAddress } from '../support/client-addresses.js';
import { createDatabase, type Database } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { type RawResponse, RawConnection } from '../support/raw-connection.js';
import { type Service, startReadyService } from '../support/service.js';

const ORIGIN = 'https://shop.example';

/** Requests that reach no controller, and one that does: all are treated alike. */
const REQUESTS: readonly (readonly [what: string, line: string, status: number])[] = [
  ['a page', 'GET /api/products', 200],
  ['an unknown path', 'GET /nowhere', 404],
  ['an unknown path with an unknown method', 'PROPFIND /nowhere', 404],
  ['a path that is not percent-encoded', 'GET /api/products/%zz', 400],
  ['a path that ends in a percent sign', 'GET /%', 400],
  ['an id of 150 digits', `GET /api/products/${'1'.repeat(150)}`, 414],
  ['an id of 150 digits with another method', `DELETE /api/products/${'1'.repeat(150)}`, 414],
  ['a method that the resource does not have', 'DELETE /api/products', 405],
  ['OPTIONS', 'OPTIONS /api/products', 405],
  ['OPTIONS for an unknown path', 'OPTIONS /nowhere', 404],
];

let database: Database;
let service: Service;

beforeAll(async () => {
  database = await createDatabase();
  service = await startReadyService({
    DATABASE_URL: database.url,
    TRUST_PROXY: '127.0.0.1/32, 10.0.0.0/8',
    CORS_ORIGINS: ORIGIN,
    THROTTLE_LIMIT: '100',
  });
});

afterAll(async () => {
  await service.kill('SIGKILL');
  await database.drop();
});

async function request(line: string, headers: Record<string, string>): Promise<RawResponse> {
  const connection = await RawConnection.open(service.url);
  const fields = Object.entries({ Host: 'x', ...headers }).map((field) => field.join(': '));
  connection.write(`${[`${line} HTTP/1.1`, ...fields].join('\r\n')}\r\n\r\n`);
  const response = await connection.nextResponse();
  connection.close();
  if (response === undefined) throw new Error('There is no response');
  return response;
}

function left({ headers }: RawResponse): number {
  return Number(/r=(\d+)/.exec(headers.get('ratelimit') ?? '')?.[1]);
}

interface Line {
  readonly requestId: string;
  readonly client?: string;
  readonly status: number;
}

async function logged(requestId = ''): Promise<Line> {
  return await eventually(() => {
    const lines = service
      .logs()
      .split('\n')
      .filter((line) => line.includes(requestId));
    return Promise.resolve(lines.map((line) => JSON.parse(line) as Line).at(0));
  });
}

describe.each(REQUESTS)('A request for %s', (_, line, status) => {
  it('counts against the client behind the trusted proxies, and is logged with its address', async () => {
    const client = newAddress();
    const first = await request(line, { 'X-Forwarded-For': `203.0.113.9, ${client}:4711` });
    expect([first.status, left(first)]).toEqual([status, 99]);
    expect(await logged(first.headers.get('x-request-id'))).toMatchObject({ client, status });
    const second = await request(line, { 'X-Forwarded-For': `[::ffff:${client}]:80, 10.1.2.3:99` });
    expect([second.status, left(second)]).toEqual([status, 98]);
    expect(await logged(second.headers.get('x-request-id'))).toMatchObject({ client, status });
    // Another client of the same proxy has its own count.
    expect(left(await request(line, { 'X-Forwarded-For': newAddress() }))).toBe(99);
  });

  it('is readable by pages of the allowed origin only', async () => {
    const headers = { 'X-Forwarded-For': newAddress() };
    const allowed = await request(line, { ...headers, Origin: ORIGIN });
    expect(allowed.status).toBe(status);
    expect(allowed.headers.get('access-control-allow-origin')).toBe(ORIGIN);
    expect(allowed.headers.get('access-control-expose-headers')).toContain('RateLimit');
    expect(allowed.headers.get('vary')).toBe('Origin');
    for (const Origin of ['https://evil.example', 'null', `${ORIGIN}.evil.example`]) {
      const other = await request(line, { ...headers, Origin });
      expect(other.headers.has('access-control-allow-origin')).toBe(false);
      expect(other.headers.get('vary')).toBe('Origin');
    }
  });

  it('is rejected once its client has exceeded the rate limit', async () => {
    const headers = { 'X-Forwarded-For': newAddress(), Origin: ORIGIN };
    for (let nth = 0; nth < 100; nth += 1) await request(line, headers);
    const refused = await request(line, headers);
    expect(refused.status).toBe(429);
    expect((JSON.parse(refused.body) as ProblemBody).type).toContain('rate-limited');
    expect(refused.headers.get('access-control-allow-origin')).toBe(ORIGIN);
    expect((await request(line, { 'X-Forwarded-For': newAddress() })).status).toBe(status);
  });

  it('has a preflight response', async () => {
    const [, target = ''] = line.split(' ');
    const preflight = await request(`OPTIONS ${target}`, {
      Origin: ORIGIN,
      'Access-Control-Request-Method': 'GET',
      'Access-Control-Request-Headers': 'if-none-match',
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe(ORIGIN);
    expect(preflight.headers.get('access-control-allow-methods')).toBe('GET, HEAD');
    expect(preflight.headers.get('access-control-allow-headers')).toBe('if-none-match');
  });
});

it('A request without Host counts against its client', async () => {
  const client = newAddress();
  for (const [nth, remaining] of [99, 98].entries()) {
    const connection = await RawConnection.open(service.url);
    connection.write(`GET /?${nth} HTTP/1.1\r\nX-Forwarded-For: ${client}\r\n\r\n`);
    const response = await connection.nextResponse();
    connection.close();
    expect(response?.status).toBe(400);
    expect(response?.headers.get('ratelimit')).toContain(`r=${remaining};`);
  }
});
