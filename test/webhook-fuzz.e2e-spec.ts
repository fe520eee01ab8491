import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';

import type { RedisServer } from '../dev/redis-server.js';
import { ask } from './support/answer.js';
import { createDatabase, type Database } from './support/database.js';
import { eventually } from './support/eventually.js';
import { startRedis } from './support/redis-server.js';
import { type Service, startService } from './support/service.js';
import { deleted, SECRET, signatureHeaders, upserted } from './support/signed-event.js';

const REQUESTS = 20_000;
const AT_ONCE = 20;

interface Shot {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

let database: Database;
let redis: RedisServer;
let service: Service;
const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });

beforeAll(async () => {
  [database, redis] = await Promise.all([createDatabase(), startRedis()]);
  service = await startService({
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    WEBHOOK_SECRETS: SECRET,
    LOG_LEVEL: 'warn',
  });
  await eventually(async () =>
    (await ask(`${service.url}/health/ready`)).status === 200 ? true : undefined,
  );
});

afterAll(async () => {
  agent.destroy();
  await service.kill('SIGKILL');
  await redis.stop();
  await database.drop();
});

const sku = fc.oneof(fc.constantFrom('A', 'B', 'C'), fc.string({ unit: 'binary' }));

/** Events that are right, or wrong in a field, or not events at all. */
const event = fc.oneof(
  fc.tuple(sku, fc.nat()).map(([key, revision]) => upserted(key, revision)),
  fc.tuple(sku, fc.nat()).map(([key, revision]) => deleted(key, revision)),
  fc
    .tuple(
      fc.constantFrom('sku', 'revision', 'name', 'price', 'currency', 'latitude', '__proto__'),
      fc.jsonValue(),
    )
    .map(([field, value]) => upserted('A', 1, { [field]: value })),
  fc.record(
    { type: fc.jsonValue(), timestamp: fc.jsonValue(), data: fc.jsonValue() },
    { requiredKeys: [] },
  ),
  fc.jsonValue(),
);

/** Their bytes, as they are, cut, turned over, or others. */
const body = fc.oneof(
  { weight: 6, arbitrary: event.map((value) => Buffer.from(JSON.stringify(value))) },
  {
    weight: 2,
    arbitrary: fc.tuple(event, fc.nat()).map(([value, cut]) => {
      const bytes = Buffer.from(JSON.stringify(value));
      return bytes.subarray(0, cut % (bytes.length + 1));
    }),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(event, fc.nat(), fc.nat(255)).map(([value, at, mask]) => {
      const bytes = Buffer.from(JSON.stringify(value));
      bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ mask;
      return bytes;
    }),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)) },
  { weight: 1, arbitrary: fc.nat(5000).map((depth) => Buffer.from('['.repeat(depth))) },
);

/** What Node's client lets through as a header. */
const headerValue = fc
  .string({ unit: 'grapheme-ascii', maxLength: 300 })
  .map((text) => text.trim());
const header = fc.tuple(
  fc.constantFrom(
    'webhook-id',
    'webhook-timestamp',
    'webhook-signature',
    'content-type',
    'content-encoding',
    'x-request-id',
    'accept',
  ),
  headerValue,
);

const shot: fc.Arbitrary<Shot> = fc
  .tuple(
    body,
    fc.oneof(
      { weight: 20, arbitrary: fc.constant('POST') },
      fc.constantFrom('GET', 'PUT', 'DELETE'),
    ),
    fc.oneof({ weight: 20, arbitrary: fc.constant('') }, fc.constantFrom('/', '?a=b', '%', '/x')),
    fc.oneof(fc.constantFrom('one', 'two', 'three'), fc.uuid()),
    fc.array(header, { maxLength: 1 }),
    fc.boolean(),
  )
  .map(([bytes, method, suffix, id, others, signed]) => ({
    method,
    path: `/api/webhooks/catalog${suffix}`,
    headers: {
      ...(signed ? signatureHeaders(bytes, { id }) : { 'content-type': 'application/json' }),
      ...Object.fromEntries(others),
    },
    body: bytes,
  }));

async function fire({ method, path, headers, body: bytes }: Shot): Promise<number> {
  return await new Promise((resolve, reject) => {
    const sent = request(
      `${service.url}${path}`,
      { method, agent, headers: { ...headers, 'content-length': bytes.length } },
      (response) => {
        response.resume().on('end', () => {
          resolve(response.statusCode ?? 0);
        });
      },
    );
    sent.on('error', reject).end(bytes);
  });
}

function residentKilobytes(): number {
  const status = readFileSync(`/proc/${service.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
}

describe('The callback', () => {
  it('survives whatever is sent to it, without a 5xx and without growing', async () => {
    const shots = fc.sample(shot, REQUESTS);
    const statuses = new Map<number, number>();
    let afterHalf = 0;
    for (let next = 0; next < shots.length; next += AT_ONCE) {
      if (next === REQUESTS / 2) afterHalf = residentKilobytes();
      for (const status of await Promise.all(shots.slice(next, next + AT_ONCE).map(fire))) {
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    }
    const seen = [...statuses.keys()].sort((a, b) => a - b);
    expect(seen.filter((status) => status >= 500)).toEqual([]);
    // That the shots hit: taken, malformed, unsigned, not valid.
    expect(seen).toEqual(expect.arrayContaining([200, 400, 401, 404, 405, 415, 422]));
    expect(service.logs()).toBe('');
    expect(residentKilobytes()).toBeLessThan(1.25 * afterHalf);
    expect((await ask(`${service.url}/health/live`)).status).toBe(200);
  }, 300_000);
});
