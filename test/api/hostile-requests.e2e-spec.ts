import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { setImmediate } from 'node:timers/promises';

import type { RedisServer } from '../../dev/redis-server.js';
import { httpFetch, type ProductPage } from '../support/http.js';
import { brokenRequest, mangledRequest, SMUGGLED_PATH } from '../support/broken-request.js';
import { type RequestTarget, Contract } from '../support/contract.js';
import { createDatabase, type Database } from '../support/database.js';
import type { Target } from '../support/hostile-address.js';
import { bytesOf, type HostileRequest, hostileRequest } from '../support/hostile-request.js';
import type { OpenApi } from '../support/openapi.js';
import { insertProducts } from '../support/products.js';
import { type RawResponse, RawConnection } from '../support/raw-connection.js';
import { startRedis } from '../support/redis-server.js';
import { type Sandbox, startSandbox } from '../support/sandbox.js';
import { type Service, startReadyService } from '../support/service.js';
import { SECRET } from '../support/signed-event.js';

const REQUESTS = Number(process.env.HOSTILE_REQUESTS ?? 10_000);
/** Repeats a run that has the same number of requests; a failure prints it. */
const SEED = Number(process.env.HOSTILE_SEED ?? Date.now() % 2 ** 31);
const IN_A_ROUND = 200;
const AT_ONCE = 20;
/** Longest head that the service must read; Node's own limit is slightly higher. */
const MAX_HEAD = 14_000;
/** Node 22 and later accept no more header fields. */
const MAX_FIELDS = 1000;
/** Longest body that the service reads. */
const MAX_BODY = 256 * 1024;
/** Log lines that the start or a busy machine can cause. */
const OF_A_DEPENDENCY =
  /"context":"(RedisConnection|Inventory|Database|TokenProvider|Subscription)"|"status":503,/;
/** Paths that the OpenAPI document does not have. */
const OTHER_PATHS = ['/docs', '/docs-json', '/docs/favicon-16x16.png', '/nowhere'];
const HARMLESS_PATHS = ['/', '/health', '/api/products?limit=2', '/api/products/1', '/nowhere'];

interface Finding {
  readonly faults: readonly string[];
  readonly sent: string;
  readonly responses: readonly unknown[];
}

let database: Database;
let redis: RedisServer;
let sandbox: Sandbox;
let service: Service;
let contract: Contract;
let request: fc.Arbitrary<HostileRequest>;

let rounds = 0;
const findings: Finding[] = [];
const statuses = new Map<number, number>();

beforeAll(async () => {
  [database, redis, sandbox] = await Promise.all([createDatabase(), startRedis(), startSandbox()]);
  await insertProducts(
    database,
    Array.from({ length: 60 }, (_, nth) => ({ name: `Pump ${nth}`, price: `${nth}.50` })),
  );
  service = await startReadyService({
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    ...sandbox.environment(),
    PUBLIC_URL: 'https://farmlokal.example',
    WEBHOOK_SECRETS: SECRET,
    CORS_ORIGINS: 'https://shop.example',
    LOG_LEVEL: 'warn',
  });
  const { body: document } = await httpFetch<OpenApi>(`${service.url}/docs-json`);
  contract = new Contract(document);
  request = hostileRequest([...documented(document), ...others()], await cursors());
});

beforeEach(() => {
  findings.length = 0;
  statuses.clear();
});

afterAll(async () => {
  await service.kill('SIGKILL');
  await Promise.all([sandbox.stop(), redis.stop()]);
  await database.drop();
});

function documented({ paths }: OpenApi): Target[] {
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      operation,
    })),
  );
}

function others(): Target[] {
  return OTHER_PATHS.map((path) => ({ method: 'GET', path }));
}

/** A cursor of each sort. */
async function cursors(): Promise<string[]> {
  const pages = await Promise.all(
    ['id', 'price', 'name', 'created_at'].map((sort) =>
      httpFetch<ProductPage>(`${service.url}/api/products?limit=9&sort=${sort}`),
    ),
  );
  return pages.flatMap(({ body }) => body.nextCursor ?? []);
}

function note(sent: Buffer, responses: readonly RawResponse[], faults: readonly string[]): void {
  for (const { status } of responses) statuses.set(status, (statuses.get(status) ?? 0) + 1);
  if (faults.length > 0) {
    findings.push({
      faults,
      sent: sent.toString('latin1', 0, 1500),
      responses: responses.map(({ headers, ...response }) => ({
        ...response,
        headers: [...headers],
      })),
    });
  }
}

/** Whether the service may reject the head before it has read it. */
function isLargeHead(request: Buffer): boolean {
  const [head = ''] = request.toString('latin1').split('\r\n\r\n');
  return head.length > MAX_HEAD || head.split('\r\n').length > MAX_FIELDS;
}

/** Sends requests one after the other, over one connection until the service closes it. */
async function sendRequests(requests: readonly HostileRequest[]): Promise<void> {
  let connection = await RawConnection.open(service.url);
  for (const hostile of requests) {
    const bytes = bytesOf(hostile);
    connection.write(bytes);
    const response = await connection.nextResponse(hostile.method);
    if (response === undefined) {
      // A client that is still sending can lose the response to a reset (RFC 9112, section 9.6).
      note(bytes, [], bytes.length > MAX_BODY ? [] : ['no response']);
    } else {
      const unread = response.status === 431 && isLargeHead(bytes);
      const target: RequestTarget = unread ? { method: hostile.method } : hostile;
      note(bytes, [response], contract.faults(target, response));
    }
    if (response?.headers.get('connection') !== 'keep-alive') {
      connection.close();
      connection = await RawConnection.open(service.url);
    }
  }
  connection.close();
}

/** Sends bytes that contain at most one request, at the start. */
async function sendBroken(bytes: Buffer): Promise<void> {
  const connection = await RawConnection.open(service.url);
  connection.write(bytes);
  const responses = await connection.remainingResponses();
  connection.close();
  const last = responses.at(-1);
  note(bytes, responses, [
    ...responses.flatMap((response) => contract.faults({ method: 'POST' }, response)),
    ...(last?.headers.get('connection') === 'close' && last.status >= 400 ? [] : ['no refusal']),
    ...(responses.some(({ body }) => body.includes(SMUGGLED_PATH)) ? ['a smuggled response'] : []),
  ]);
}

/** Sends any bytes and closes the sending side. */
async function sendMangled(bytes: Buffer): Promise<void> {
  const connection = await RawConnection.open(service.url);
  connection.write(bytes);
  connection.finish();
  const responses = await connection.remainingResponses();
  connection.close();
  note(
    bytes,
    responses,
    responses.flatMap((response) => contract.faults({ method: 'POST' }, response)),
  );
}

/**
 * Sends requests without waiting for responses, in arbitrary pieces. Retries those without a response when the connection
 * ends (RFC 9112, section 9.3.2).
 */
async function sendPipelined(paths: readonly string[], cuts: readonly number[]): Promise<void> {
  let next = 0;
  while (next < paths.length) {
    const connection = await RawConnection.open(service.url);
    const bytes = Buffer.from(
      paths
        .map((path, nth) => `GET ${path} HTTP/1.1\r\nHost: x\r\nX-Request-Id: ${nth}\r\n\r\n`)
        .slice(next)
        .join(''),
    );
    const ends = [...cuts.map((cut) => cut % bytes.length).sort((a, b) => a - b), bytes.length];
    for (const [nth, end] of ends.entries()) {
      connection.write(bytes.subarray(ends[nth - 1] ?? 0, end));
      await setImmediate();
    }
    let response: RawResponse | undefined;
    do {
      response = await connection.nextResponse();
      const [path = ''] = paths[next]?.split('?') ?? [];
      note(bytes, response ? [response] : [], [
        ...(response?.headers.get('x-request-id') === String(next)
          ? []
          : [`no response to ${next}`]),
        ...(response ? contract.faults({ method: 'GET', path }, response) : []),
      ]);
      next += 1;
    } while (next < paths.length && response?.headers.get('connection') === 'keep-alive');
    connection.close();
  }
}

/** Sends so many generated values, one round at a time. */
async function inRounds<Value>(
  arbitrary: fc.Arbitrary<Value>,
  count: number,
  send: (round: readonly Value[]) => Promise<unknown>,
): Promise<void> {
  for (let sent = 0; sent < count; sent += IN_A_ROUND) {
    await send(fc.sample(arbitrary, { numRuns: IN_A_ROUND, seed: SEED + (rounds += 1) }));
  }
}

function expectNothingFound(): void {
  expect({ seed: SEED, findings: findings.slice(0, 5) }).toEqual({ seed: SEED, findings: [] });
}

describe('A client', () => {
  it('gets documented responses to any request, and the memory of the service does not grow', async () => {
    const half = async (): Promise<void> => {
      await inRounds(request, REQUESTS / 2, async (requests) => {
        const lanes = Array.from({ length: AT_ONCE }, (_, lane) =>
          requests.filter((_request, nth) => nth % AT_ONCE === lane),
        );
        await Promise.all(lanes.map(sendRequests));
      });
    };
    await half();
    const afterHalf = service.residentMegabytes();
    await half();
    expectNothingFound();
    expect(service.residentMegabytes()).toBeLessThan(1.25 * afterHalf);
    // A busy machine may keep a dependency waiting.
    expect(statuses.get(503) ?? 0).toBeLessThan(REQUESTS / 1000);
    // Proves that the requests reach each of these cases.
    expect([...statuses.keys()].sort((a, b) => a - b)).toEqual(
      expect.arrayContaining([200, 304, 400, 401, 404, 405, 413, 414, 415, 422, 431]),
    );
  }, 900_000);

  it('gets an error for bytes that are not HTTP, and no response to a request hidden in them', async () => {
    await inRounds(brokenRequest, REQUESTS / 20, async (round) => {
      await Promise.all(round.map(sendBroken));
    });
    expectNothingFound();
  }, 300_000);

  it('gets a documented response or none to a mangled request', async () => {
    await inRounds(mangledRequest(request), REQUESTS / 20, async (round) => {
      await Promise.all(round.map(sendMangled));
    });
    expectNothingFound();
  }, 300_000);

  it('gets the responses to pipelined requests in order', async () => {
    const pipeline = fc.tuple(
      fc.array(fc.constantFrom(...HARMLESS_PATHS), { minLength: 2, maxLength: 30 }),
      fc.array(fc.nat(), { maxLength: 4 }),
    );
    await inRounds(pipeline, REQUESTS / 100, async (round) => {
      for (const [paths, cuts] of round) await sendPipelined(paths, cuts);
    });
    expectNothingFound();
  }, 300_000);

  it.each(['/health/live', '/api/products', '/nowhere', '/%'])(
    'gets a response to an upgrade at %s, and then the connection is closed',
    async (path) => {
      const connection = await RawConnection.open(service.url);
      connection.write(
        [
          `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n`,
          'GET /api/products/1 HTTP/1.1\r\nHost: x\r\n\r\n',
        ].join(''),
      );
      const responses = await connection.remainingResponses();
      connection.close();
      expect(responses.map(({ headers }) => headers.get('connection'))).toEqual(['close']);
      expect(
        responses.flatMap((response) => contract.faults({ method: 'GET', path }, response)),
      ).toEqual([]);
    },
  );

  it('causes no warning in the log', async () => {
    expect((await httpFetch(`${service.url}/health/live`)).status).toBe(200);
    const lines = service.logs().split('\n').filter(Boolean);
    expect(lines.filter((line) => !OF_A_DEPENDENCY.test(line))).toEqual([]);
  });
});
