import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';

import { httpFetch } from '../support/http.js';
import { BackingServices } from '../support/backing-services.js';
import { type Fault, FaultProxy } from '../support/fault-proxy.js';
import { observe, WELL } from '../support/outage.js';
import { deviations, late, type Outcomes } from '../support/replies.js';
import { Traffic } from '../support/traffic.js';

const TIMEOUT_MS = 500;
const DEADLINE_MS = 1500;
/** Milliseconds for which a stock level is reused without a new stock request. */
const FRESH_MS = 2000;

const WITHOUT_INVENTORY: Outcomes = {
  ...WELL,
  availability: ['stale'],
  'unseen availability': ['unavailable'],
  // Once the breaker has opened.
  health: ['degraded inventory', 'degraded redis inventory', 'ok', 'degraded redis'],
};

let backing: BackingServices;

beforeAll(async () => {
  backing = await BackingServices.start();
});

afterAll(async () => {
  await backing.stop();
});

async function startReplica(changes: Record<string, string>): Promise<Traffic> {
  const { url } = await backing.startReplica({
    INVENTORY_TIMEOUT_MS: String(TIMEOUT_MS),
    INVENTORY_DEADLINE_MS: String(DEADLINE_MS),
    ...changes,
  });
  return await Traffic.prepare(url, backing.database);
}

it('Without the inventory the service returns the last known stock levels in time, and serves all other routes', async () => {
  const faults: Fault[] = ['refuse', 'blackhole', { cutAfter: 50 }];
  // In parallel, because an open breaker takes seconds to close.
  const observations = await Promise.all(
    faults.map(async (fault) => {
      const proxy = await FaultProxy.start(backing.sandbox.partners.inventoryUrl);
      const traffic = await startReplica({ INVENTORY_API_URL: proxy.url });
      const { during, all } = await observe(traffic, {
        fail: () => proxy.fail(fault),
        revive: () => proxy.fail('none'),
        settlesInMs: 1.5 * FRESH_MS,
        lastsMs: 2000,
      });
      await proxy.stop();
      return {
        fault,
        deviations: deviations(during, WITHOUT_INVENTORY),
        late: late(all, {
          availability: DEADLINE_MS,
          'unseen availability': DEADLINE_MS,
          others: 0,
        }),
      };
    }),
  );
  expect(observations).toEqual(faults.map((fault) => ({ fault, deviations: [], late: [] })));
});

it('Without the inventory and Redis the service returns the last known stock levels', async () => {
  const [inventory, redis] = await Promise.all([
    FaultProxy.start(backing.sandbox.partners.inventoryUrl),
    FaultProxy.start(backing.redis.url),
  ]);
  const traffic = await startReplica({ INVENTORY_API_URL: inventory.url, REDIS_URL: redis.url });
  const url = traffic.url + traffic.request('availability').path;
  const { body } = await httpFetch<object>(url);
  await Promise.all([inventory.fail('refuse'), redis.fail('refuse')]);
  await sleep(FRESH_MS);
  const { status, headers, body: last } = await httpFetch<object>(url);
  expect({ status, body: last }).toEqual({ status: 200, body: { ...body, stale: true } });
  expect(Number(headers.get('age'))).toBeGreaterThanOrEqual(2);
  await Promise.all([inventory.stop(), redis.stop()]);
});

it('After the restart of an idle inventory the first responses are live', async () => {
  const proxy = await FaultProxy.start(backing.sandbox.partners.inventoryUrl);
  const traffic = await startReplica({ INVENTORY_API_URL: proxy.url });
  const requestMany = (): Promise<number[]> =>
    Promise.all(
      Array.from({ length: 20 }, async () => {
        const { path } = traffic.request('unseen availability');
        return (await httpFetch(traffic.url + path)).status;
      }),
    );
  expect(new Set(await requestMany())).toEqual(new Set([200]));
  await proxy.fail('refuse');
  await proxy.fail('none');
  expect(new Set(await requestMany())).toEqual(new Set([200]));
  await proxy.stop();
});
