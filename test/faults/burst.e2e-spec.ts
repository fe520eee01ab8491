import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { get } from 'node:http';

import { httpFetch } from '../support/http.js';
import { BackingServices } from '../support/backing-services.js';
import { insertProducts } from '../support/products.js';
import type { Service } from '../support/service.js';

const REPLICAS = 4;
const CALLERS = 250;
/** A cold start, a revoked token, and a warm replica. */
const BURSTS = 3;

let backing: BackingServices;
let ids: string[];
let replicas: Service[] = [];

// Each attempt starts cold: without a token, and with products that nobody has requested.
beforeEach(async () => {
  backing = await BackingServices.start();
  const products = Array.from({ length: BURSTS * REPLICAS * CALLERS }, () => ({}));
  ids = await insertProducts(backing.database, products);
});

afterEach(async () => {
  await backing.stop();
});

/** The outcome of a response in a word. */
function outcomeOf(status: number, body: string): string {
  const { stale, type } = JSON.parse(body) as { stale?: boolean; type?: string };
  if (status === 200) return stale === false ? 'live' : 'stale';
  return `${status} ${type ?? ''}`;
}

/** Requests the stock level of a product over a new connection. */
function availability({ url }: Service, id: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(`${url}/api/products/${id}/availability`, { agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (part: string) => (body += part));
      response.on('end', () => {
        resolve(outcomeOf(response.statusCode ?? 0, body));
      });
    }).on('error', reject);
  });
}

/** Sends all requests at once, each for another product, and returns the distinct outcomes. */
async function burst(nth: number): Promise<string[]> {
  const outcomes = await Promise.all(
    replicas.flatMap((replica, which) => {
      const first = (nth * REPLICAS + which) * CALLERS;
      return ids.slice(first, first + CALLERS).map((id) => availability(replica, id));
    }),
  );
  expect(outcomes).toHaveLength(REPLICAS * CALLERS);
  return [...new Set(outcomes)].sort();
}

/** Signs that a busy replica mistook the load for an outage. */
async function outages({ url, logs }: Service): Promise<string[]> {
  const metrics = (await httpFetch<string>(`${url}/metrics`)).body.split('\n');
  const signs = [
    ...['farmlokal_redis_up 1', 'farmlokal_database_up 1'].filter((up) => !metrics.includes(up)),
    ...metrics.filter((line) => /^farmlokal_breaker_(state|transitions).*"open"} [^0]/.test(line)),
    ...metrics.filter((line) => /^farmlokal_redis_failures_total.* [^0]/.test(line)),
  ];
  const words =
    /Going on without Redis|does not answer|inventory failed|breaker opens|MaxListeners/g;
  return [...signs, ...(logs().match(words) ?? [])];
}

describe('A burst', () => {
  it('is served with one token and live stock levels, and no dependency counts as down', async () => {
    replicas = await Promise.all(
      Array.from({ length: REPLICAS }, () =>
        backing.startReplica({ INVENTORY_DEADLINE_MS: '5000' }),
      ),
    );
    const tokenRequests = async (): Promise<number> =>
      (await backing.sandbox.state()).oauth.counts.requests;
    // A busy machine answers fewer requests in time: the service must reject the rest early.
    const honest = ['503 urn:problem-type:farmlokal:overloaded', 'live'];
    expect(honest).toEqual(expect.arrayContaining(await burst(0)));
    expect(await tokenRequests()).toBe(1);

    await backing.sandbox.revoke();
    expect(honest).toEqual(expect.arrayContaining(await burst(1)));
    expect(await tokenRequests()).toBe(2);

    expect(honest).toEqual(expect.arrayContaining(await burst(2)));
    expect(await tokenRequests()).toBe(2);
    expect((await Promise.all(replicas.map(outages))).flat()).toEqual([]);
  });
});
