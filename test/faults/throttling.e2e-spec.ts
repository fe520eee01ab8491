import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import type { RedisServer } from '../../dev/redis-server.js';
import { countStatuses, getFrom, newAddress } from '../support/client-addresses.js';
import { createDatabase, type Database } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { startRedis } from '../support/redis-server.js';
import { type Service, startReadyService } from '../support/service.js';

const LIMIT = 100;

let database: Database;
let redis: RedisServer;
let first: Service;
let second: Service;
let replicas: readonly Service[];

beforeAll(async () => {
  [database, redis] = await Promise.all([createDatabase(), startRedis()]);
  const start = () =>
    startReadyService({
      DATABASE_URL: database.url,
      REDIS_URL: redis.url,
      THROTTLE_LIMIT: String(LIMIT),
      THROTTLE_TTL_MS: '120000',
      TRUST_PROXY: '127.0.0.1',
    });
  [first, second] = await Promise.all([start(), start()]);
  replicas = [first, second];
});

afterAll(async () => {
  await Promise.all(replicas.map((replica) => replica.stop()));
  await redis.stop();
  await database.drop();
});

describe('When Redis is killed', () => {
  it('each replica applies the limit by itself and none fails', async () => {
    const address = newAddress();
    try {
      const statuses = await countStatuses(newAddress(), replicas, 1200, async (nth) => {
        if (nth === 60) await redis.kill();
      });
      expect(Object.keys(statuses).sort()).toEqual(['200', '429']);
      expect(statuses[200]).toBeGreaterThanOrEqual(LIMIT);
      expect(statuses[200]).toBeLessThanOrEqual(replicas.length * LIMIT);
      expect(await countStatuses(address, [first], LIMIT + 20)).toEqual({ 200: LIMIT, 429: 20 });
    } finally {
      await redis.restart();
    }
    // Requests that were counted without Redis count until their window ends.
    expect((await getFrom(address, first)).status).toBe(429);
    await eventually(async () => {
      const other = newAddress();
      const responses = [await getFrom(other, first), await getFrom(other, second)];
      return responses.at(-1)?.headers.get('ratelimit')?.includes('r=98') === true
        ? true
        : undefined;
    });
  });
});
