import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { setImmediate } from 'node:timers/promises';

import type { RedisServer } from '../dev/redis-server.js';
import { ask, type ProductPage } from './support/answer.js';
import { brokenRequest, mangledRequest, SMUGGLED_PATH } from './support/broken-request.js';
import { type Asked, Contract } from './support/contract.js';
import { createDatabase, type Database } from './support/database.js';
import { eventually } from './support/eventually.js';
import type { Target } from './support/hostile-address.js';
import { bytesOf, type HostileRequest, hostileRequest } from './support/hostile-request.js';
import type { OpenApi } from './support/openapi.js';
import { insertProducts } from './support/products.js';
import { type RawAnswer, RawConnection } from './support/raw-connection.js';
import { startRedis } from './support/redis-server.js';
import { type Sandbox, startSandbox } from './support/sandbox.js';
import { type Service, startService } from './support/service.js';
import { SECRET } from './support/signed-event.js';

const REQUESTS = Number(process.env.HOSTILE_REQUESTS ?? 10_000);
/** With as many requests it makes the same ones; a failure tells it. */
const SEED = Number(process.env.HOSTILE_SEED ?? Date.now() % 2 ** 31);
const IN_A_ROUND = 200;
const AT_ONCE = 20;
/** Longest head that has to be read; Node's own limit is a little higher. */
const MAX_HEAD = 14_000;
/** Node 22 and later take no more. */
const MAX_FIELDS = 1000;
/** Longest body that is read. */
const MAX_BODY = 256 * 1024;
/** What the start and a busy machine may bring about. */
const OF_A_DEPENDENCY =
  /"context":"(RedisConnection|Inventory|Database|TokenProvider|Subscription)"|"status":503,/;
/** Beyond what the document has. */
const OTHER_PATHS = ['/docs', '/docs-json', '/docs/favicon-16x16.png', '/nowhere'];
const HARMLESS_PATHS = ['/', '/health', '/api/products?limit=2', '/api/products/1', '/nowhere'];

interface Finding {
  readonly faults: readonly string[];
  readonly sent: string;
  readonly answers: readonly unknown[];
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
  service = await startService({
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    ...sandbox.environment(),
    PUBLIC_URL: 'https://farmlokal.example',
    WEBHOOK_SECRETS: SECRET,
    CORS_ORIGINS: 'https://shop.example',
    THROTTLE_LIMIT: '1000000',
    LOG_LEVEL: 'warn',
  });
  await eventually(async () =>
    (await ask(`${service.url}/health/ready`)).status === 200 ? true : undefined,
  );
  const { body: document } = await ask<OpenApi>(`${service.url}/docs-json`);
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

/** One of each sort. */
async function cursors(): Promise<string[]> {
  const pages = await Promise.all(
    ['id', 'price', 'name', 'created_at'].map((sort) =>
      ask<ProductPage>(`${service.url}/api/products?limit=9&sort=${sort}`),
    ),
  );
  return pages.flatMap(({ body }) => body.nextCursor ?? []);
}

function note(sent: Buffer, answers: readonly RawAnswer[], faults: readonly string[]): void {
  for (const { status } of answers) statuses.set(status, (statuses.get(status) ?? 0) + 1);
  if (faults.length > 0) {
    findings.push({
      faults,
      sent: sent.toString('latin1', 0, 1500),
      answers: answers.map(({ headers, ...answer }) => ({ ...answer, headers: [...headers] })),
    });
  }
}

/** Whether a head may be refused before it is read. */
function isLargeHead(request: Buffer): boolean {
  const [head = ''] = request.toString('latin1').split('\r\n\r\n');
  return head.length > MAX_HEAD || head.split('\r\n').length > MAX_FIELDS;
}

/** Sends requests one after the other, on one connection for as long as that lasts. */
async function sendRequests(requests: readonly HostileRequest[]): Promise<void> {
  let connection = await RawConnection.open(service.url);
  for (const hostile of requests) {
    const bytes = bytesOf(hostile);
    connection.write(bytes);
    const answer = await connection.answer(hostile.method);
    if (answer === undefined) {
      // Who is still sending when it is refused may lose that to the reset of the connection (RFC 9112, section 9.6).
      note(bytes, [], bytes.length > MAX_BODY ? [] : ['no answer']);
    } else {
      const unread = answer.status === 431 && isLargeHead(bytes);
      const asked: Asked = unread ? { method: hostile.method } : hostile;
      note(bytes, [answer], contract.faults(asked, answer));
    }
    if (answer?.headers.get('connection') !== 'keep-alive') {
      connection.close();
      connection = await RawConnection.open(service.url);
    }
  }
  connection.close();
}

/**
 * Sends bytes of which at most the first may be taken for a request. What follows a valid request is refused, or dropped
 * when it arrives ahead of the response.
 */
async function sendBroken(bytes: Buffer): Promise<void> {
  const connection = await RawConnection.open(service.url);
  connection.write(bytes);
  const answers = await connection.answers();
  connection.close();
  const last = answers.at(-1);
  note(bytes, answers, [
    ...answers.flatMap((answer) => contract.faults({ method: 'POST' }, answer)),
    ...(last?.headers.get('connection') === 'close' && last.status >= 400 ? [] : ['no refusal']),
    ...(answers.some(({ body }) => body.includes(SMUGGLED_PATH)) ? ['a smuggled answer'] : []),
  ]);
}

/** Sends bytes that may be anything, and that nothing follows. */
async function sendMangled(bytes: Buffer): Promise<void> {
  const connection = await RawConnection.open(service.url);
  connection.write(bytes);
  connection.finish();
  const answers = await connection.answers();
  connection.close();
  note(
    bytes,
    answers,
    answers.flatMap((answer) => contract.faults({ method: 'POST' }, answer)),
  );
}

/** Sends requests without waiting for answers, in pieces that end anywhere. */
async function sendPipelined(paths: readonly string[], cuts: readonly number[]): Promise<void> {
  const connection = await RawConnection.open(service.url);
  const bytes = Buffer.from(
    paths
      .map((path, nth) => `GET ${path} HTTP/1.1\r\nHost: x\r\nX-Request-Id: ${nth}\r\n\r\n`)
      .join(''),
  );
  const ends = [...cuts.map((cut) => cut % bytes.length).sort((a, b) => a - b), bytes.length];
  for (const [nth, end] of ends.entries()) {
    connection.write(bytes.subarray(ends[nth - 1] ?? 0, end));
    await setImmediate();
  }
  for (const [nth, target] of paths.entries()) {
    const answer = await connection.answer();
    const [path = ''] = target.split('?');
    note(bytes, answer ? [answer] : [], [
      ...(answer?.headers.get('x-request-id') === String(nth) ? [] : [`no answer to ${nth}`]),
      ...(answer ? contract.faults({ method: 'GET', path }, answer) : []),
    ]);
  }
  connection.close();
}

/** Hands over as many as are asked for, a round at a time. */
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
  it('gets what is documented, whatever it asks, and the service does not grow', async () => {
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
    // That the requests hit.
    expect([...statuses.keys()].sort((a, b) => a - b)).toEqual(
      expect.arrayContaining([200, 304, 400, 401, 404, 405, 413, 414, 415, 422, 431]),
    );
  }, 900_000);

  it('that sends what is no request is refused, and so is what hides behind it', async () => {
    await inRounds(brokenRequest, REQUESTS / 20, async (round) => {
      await Promise.all(round.map(sendBroken));
    });
    expectNothingFound();
  }, 300_000);

  it('that sends a request with wounds harms nobody', async () => {
    await inRounds(mangledRequest(request), REQUESTS / 20, async (round) => {
      await Promise.all(round.map(sendMangled));
    });
    expectNothingFound();
  }, 300_000);

  it('that does not wait for answers gets them one by one, in order', async () => {
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
    'that asks for an upgrade at %s is answered, and hung up on before what it sends next',
    async (path) => {
      const connection = await RawConnection.open(service.url);
      connection.write(
        [
          `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n`,
          'GET /api/products/1 HTTP/1.1\r\nHost: x\r\n\r\n',
        ].join(''),
      );
      const answers = await connection.answers();
      connection.close();
      expect(answers.map(({ headers }) => headers.get('connection'))).toEqual(['close']);
      expect(answers.flatMap((answer) => contract.faults({ method: 'GET', path }, answer))).toEqual(
        [],
      );
    },
  );

  it('leaves nothing in the log', async () => {
    expect((await ask(`${service.url}/health/live`)).status).toBe(200);
    const lines = service.logs().split('\n').filter(Boolean);
    expect(lines.filter((line) => !OF_A_DEPENDENCY.test(line))).toEqual([]);
  });
});
