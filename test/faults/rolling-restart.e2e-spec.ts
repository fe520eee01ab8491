import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';

import type { RedisServer } from '../../dev/redis-server.js';
import { stopAfterTest } from '../support/after-test.js';
import { httpFetch } from '../support/http.js';
import { Balancer } from '../support/balancer.js';
import { createDatabase, type Database } from '../support/database.js';
import { insertProducts } from '../support/products.js';
import { startRedis } from '../support/redis-server.js';
import { type Service, startService } from '../support/service.js';
import { SECRET, send, upserted } from '../support/signed-event.js';

const ROUNDS = 3;
const EVERY_MS = 10;
const BETWEEN_MS = 300;

let redis: RedisServer;
let database: Database;
let balancer: Balancer;

beforeAll(async () => {
  [redis, database, balancer] = await Promise.all([
    startRedis(),
    createDatabase(),
    Balancer.start(),
  ]);
  await insertProducts(database, [{ name: 'One' }, { name: 'Two' }]);
});

afterAll(async () => {
  await balancer.stop();
  await database.drop();
  await redis.stop();
});

async function startReplica(): Promise<Service> {
  const replica = await startService({
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    WEBHOOK_SECRETS: SECRET,
    SHUTDOWN_DELAY_MS: '1500',
  });
  await balancer.replicas.add(replica.url);
  return replica;
}

/** Sends requests at a constant rate until `stop`, which returns the outcomes. */
function load(): { stop(): Promise<string[]> } {
  const responses: Promise<string>[] = [];
  const routes = [
    () => httpFetch(`${balancer.url}/api/products`),
    () => httpFetch(`${balancer.url}/api/products/1`),
    () => httpFetch(`${balancer.url}/api/products?limit=100&maxPrice=${responses.length}`),
    () => send(balancer.url, upserted('OKRA-1', responses.length)),
  ];
  const timer = setInterval(() => {
    const route = routes[responses.length % routes.length];
    responses.push(
      route?.().then(
        ({ status, body }) => (status === 200 ? 'answered' : `${status} ${JSON.stringify(body)}`),
        (error: unknown) => String(error),
      ) ?? Promise.resolve('no request'),
    );
  }, EVERY_MS);
  return {
    stop: async () => {
      clearInterval(timer);
      return await Promise.all(responses);
    },
  };
}

describe('A rolling restart', () => {
  it('fails no request, and every replica exits with 0', async () => {
    let [going, staying] = await Promise.all([startReplica(), startReplica()]);
    const loaded = load();
    stopAfterTest(() => loaded.stop());
    const exitCodes: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      exitCodes.push(await going.stop());
      [going, staying] = [staying, await startReplica()];
      await sleep(BETWEEN_MS);
    }
    const responses = await loaded.stop();
    exitCodes.push(await going.stop(), await staying.stop());
    expect(responses.filter((response) => response !== 'answered')).toEqual([]);
    expect(responses.length).toBeGreaterThan(100);
    expect(exitCodes).toEqual(exitCodes.map(() => 0));
  }, 120_000);
});
