import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';

import type { PostgresServer } from '../dev/postgres-server.js';
import type { RedisServer } from '../dev/redis-server.js';
import { ask } from './support/answer.js';
import { createDatabase, type Database } from './support/database.js';
import { eventually } from './support/eventually.js';
import { startPostgres } from './support/postgres-server.js';
import { startRedis } from './support/redis-server.js';
import { type Sandbox, startSandbox } from './support/sandbox.js';
import { type Service, startService } from './support/service.js';

const EVENTS = Number(process.env.WEBHOOK_FAULTS_EVENTS ?? 20_000);
const REPLICAS = 3;

let postgres: PostgresServer;
let redis: RedisServer;
let database: Database;
let sandbox: Sandbox;
let replicas: Service[];

beforeAll(async () => {
  [postgres, redis, sandbox] = await Promise.all([startPostgres(), startRedis(), startSandbox()]);
  database = await createDatabase(postgres);
  // The run's clusters answer before they have written; here an answer has to hold.
  const { pathname } = new URL(database.url);
  await database.query(`ALTER DATABASE ${pathname.slice(1)} SET synchronous_commit = on`);
  replicas = await Promise.all(Array.from({ length: REPLICAS }, () => startReplica()));
});

afterAll(async () => {
  await Promise.all(replicas.map((replica) => replica.stop()));
  await Promise.all([sandbox.stop(), redis.stop(), postgres.stop()]);
});

async function startReplica(port?: string): Promise<Service> {
  const { WEBHOOK_SECRETS = '' } = sandbox.environment();
  const replica = await startService({
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    WEBHOOK_SECRETS,
    SHUTDOWN_DELAY_MS: '0',
    ...(port === undefined ? {} : { PORT: port }),
  });
  await eventually(async () =>
    (await ask(`${replica.url}/health/ready`)).status === 200 ? true : undefined,
  );
  return replica;
}

async function done(): Promise<number> {
  return (await sandbox.state()).catalog.campaign?.done ?? 0;
}

/** Waits until so much of the campaign is over. */
async function part(share: number): Promise<void> {
  await eventually(
    async () => ((await done()) >= share * EVENTS * 1.3 ? true : undefined),
    240_000,
  );
}

describe('While a replica, Redis and PostgreSQL are killed and come back', () => {
  it('every event is applied once, and what was answered is there', async () => {
    const campaign = sandbox.emit({
      count: EVENTS,
      products: EVENTS / 10,
      duplicates: 0.3,
      shuffle: true,
      concurrency: 8,
      urls: replicas.map(({ url }) => `${url}/api/webhooks/catalog`),
      oracle: true,
    });
    const [first] = replicas;
    await part(0.15);
    await first?.kill('SIGKILL');
    await part(0.3);
    replicas[0] = await startReplica(new URL(first?.url ?? '').port);
    await part(0.4);
    await redis.kill();
    await part(0.55);
    await redis.restart();
    await part(0.7);
    await postgres.kill();
    await sleep(1000);
    await postgres.restart();
    const { oracle, gaveUp, refused, statuses } = await campaign;

    expect({ gaveUp, refused }).toEqual({ gaveUp: 0, refused: 0 });
    expect(statuses['500'] ?? 0).toBe(0);
    // That the faults were felt.
    expect(statuses.failed ?? 0).toBeGreaterThan(0);
    expect(statuses['503'] ?? 0).toBeGreaterThan(0);

    const recorded = await database.query<{ id: string }>('SELECT id FROM webhook_events');
    const ids = new Set(recorded.map(({ id }) => id));
    expect(recorded).toHaveLength(EVENTS);
    const lost = oracle.events.filter(({ id, taken }) => taken > 0 && !ids.has(id));
    expect(lost).toEqual([]);
    expect(oracle.events.filter(({ taken }) => taken === 0)).toEqual([]);

    const rows = await database.query<{ sku: string; row: Record<string, unknown> }>(
      `SELECT sku, CASE WHEN deleted_at IS NULL THEN json_build_object(
         'name', name, 'description', description, 'category', category, 'price', price::text,
         'currency', currency, 'unit', unit, 'producer', producer, 'revision', revision,
         'latitude', latitude, 'longitude', longitude
       ) ELSE json_build_object('revision', revision) END AS row FROM products`,
    );
    const found = Object.fromEntries(rows.map(({ sku, row }) => [sku, row]));
    const expected = Object.fromEntries(
      oracle.products.map(({ sku, revision, product }) => [
        sku,
        product === null
          ? { revision }
          : {
              ...product,
              revision,
              latitude: product.latitude ?? null,
              longitude: product.longitude ?? null,
            },
      ]),
    );
    expect(found).toEqual(expected);
  }, 300_000);
});
