import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';

import { httpFetch } from '../support/http.js';
import { BackingServices } from '../support/backing-services.js';
import { type Fault, FaultProxy } from '../support/fault-proxy.js';
import { type Observation, observe, WELL } from '../support/outage.js';
import { deviations, late, type Outcomes } from '../support/replies.js';
import { Traffic } from '../support/traffic.js';

const DEADLINE_MS = 1000;
/** Lifetime of a token. The service does not use its last tenth. */
const TOKEN_S = 3;
const USED_MS = 0.9 * TOKEN_S * 1000;
/** Milliseconds until the service reports the outage: the token timeout, and the age of a cached report. */
const KNOWN_MS = 3000 + 1100;

/** Milliseconds for which a stock level is reused without a new stock request. */
const FRESH_MS = 2000;

const WITHOUT_TOKEN: Outcomes = {
  ...WELL,
  availability: ['stale'],
  'unseen availability': ['unavailable'],
  health: ['degraded oauth', 'degraded redis oauth'],
};

let backing: BackingServices;

beforeAll(async () => {
  backing = await BackingServices.start();
});

afterAll(async () => {
  await backing.stop();
});

beforeEach(async () => {
  await backing.sandbox.reset();
});

/** Observes a replica with its own provider and token while the provider fails. */
async function observeFault(fault: Fault, settlesInMs: number): Promise<Observation> {
  const proxy = await FaultProxy.start(backing.sandbox.partners.tokenUrl);
  const { url } = await backing.startReplica({
    OAUTH_TOKEN_URL: proxy.url,
    INVENTORY_DEADLINE_MS: String(DEADLINE_MS),
  });
  const observation = await observe(await Traffic.prepare(url, backing.database), {
    fail: () => proxy.fail(fault),
    revive: () => proxy.fail('none'),
    settlesInMs,
    // Long enough to contain the slowest requests from start to end.
    lastsMs: 2 * DEADLINE_MS,
  });
  await proxy.stop();
  expect(
    late(observation.all, {
      availability: DEADLINE_MS,
      'unseen availability': DEADLINE_MS,
      others: 0,
    }),
  ).toEqual([]);
  return observation;
}

it('Without the OAuth provider the service keeps using its token', async () => {
  const { during } = await observeFault('blackhole', 0);
  expect(deviations(during, WELL)).toEqual([]);
});

it('Without the OAuth provider and a valid token the service behaves as without the inventory', async () => {
  await backing.sandbox.switch('oauth', { expiresIn: TOKEN_S });
  const observations = await Promise.all(
    (['refuse', 'blackhole'] as const).map((fault) => observeFault(fault, USED_MS + KNOWN_MS)),
  );
  for (const { during } of observations) {
    expect(deviations(during, WITHOUT_TOKEN)).toEqual([]);
  }
});

it('Without the OAuth provider a new replica returns the stock levels that other replicas know', async () => {
  const [first, proxy] = await Promise.all([
    backing.startReplica(),
    FaultProxy.start(backing.sandbox.partners.tokenUrl),
  ]);
  const traffic = await Traffic.prepare(first.url, backing.database);
  const { path } = traffic.request('availability');
  const { body } = await httpFetch<object>(first.url + path);
  await proxy.fail('refuse');
  const { url } = await backing.startReplica({ OAUTH_TOKEN_URL: proxy.url });
  await sleep(FRESH_MS);
  expect((await httpFetch<object>(url + path)).body).toEqual({ ...body, stale: true });
  const { status, headers } = await httpFetch(url + traffic.request('unseen availability').path);
  expect([status, headers.get('retry-after')]).toEqual([503, expect.stringMatching(/^[1-9]/)]);
  await proxy.stop();
});
