import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';

import { BackingServices } from '../support/backing-services.js';
import { eventually } from '../support/eventually.js';
import type { Service } from '../support/service.js';

const EVENTS = Number(process.env.WEBHOOK_FAULTS_EVENTS ?? 4_000);
const REPLICAS = 3;

let backing: BackingServices;
let replicas: Service[];

// Each attempt counts all events and products, so it needs a new database.
beforeEach(async () => {
  backing = await BackingServices.start();
  replicas = await Promise.all(Array.from({ length: REPLICAS }, () => startReplica()));
});

afterEach(async () => {
  await backing.stop();
});

async function startReplica(env: Record<string, string> = {}): Promise<Service> {
  const { WEBHOOK_SECRETS = '' } = backing.sandbox.environment();
  return await backing.startReplica({ WEBHOOK_SECRETS, ...env });
}

async function done(): Promise<number> {
  return (await backing.sandbox.state()).catalog.emit?.done ?? 0;
}

/** Waits until this share of the campaign is done. */
async function untilDone(share: number): Promise<void> {
  await eventually(
    async () => ((await done()) >= share * EVENTS * 1.3 ? true : undefined),
    240_000,
  );
}

describe('While a replica, Redis and PostgreSQL are killed and come back', () => {
  it('every event is applied once, and no acknowledged event is lost', async () => {
    const campaign = backing.sandbox.emit({
      count: EVENTS,
      products: EVENTS / 10,
      duplicates: 0.3,
      shuffle: true,
      concurrency: 8,
      urls: replicas.map(({ url }) => `${url}/api/webhooks/catalog`),
      oracle: true,
    });
    const [first] = replicas;
    await untilDone(0.15);
    await first?.kill('SIGKILL');
    await untilDone(0.3);
    replicas[0] = await startReplica({ PORT: new URL(first?.url ?? '').port });
    await untilDone(0.4);
    await backing.redis.kill();
    await untilDone(0.55);
    await backing.redis.restart();
    await untilDone(0.7);
    await backing.postgres.kill();
    await sleep(1000);
    await backing.postgres.restart();
    const { oracle, gaveUp, refused, statuses } = await campaign;

    expect({ gaveUp, refused }).toEqual({ gaveUp: 0, refused: 0 });
    expect(statuses['500'] ?? 0).toBe(0);
    // Proves that the faults had an effect.
    expect(statuses.failed ?? 0).toBeGreaterThan(0);
    expect(statuses['503'] ?? 0).toBeGreaterThan(0);

    const recorded = await backing.database.query<{ id: string }>('SELECT id FROM webhook_events');
    const ids = new Set(recorded.map(({ id }) => id));
    expect(recorded).toHaveLength(EVENTS);
    const lost = oracle.events.filter(({ id, accepted }) => accepted > 0 && !ids.has(id));
    expect(lost).toEqual([]);
    expect(oracle.events.filter(({ accepted }) => accepted === 0)).toEqual([]);

    const rows = await backing.database.query<{ sku: string; row: Record<string, unknown> }>(
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
