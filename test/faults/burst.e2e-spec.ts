import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { get } from 'node:http';

import { ask } from '../support/answer.js';
import { BackingServices } from '../support/backing-services.js';
import { insertProducts } from '../support/products.js';
import type { Service } from '../support/service.js';

const REPLICAS = 4;
const CALLERS = 250;
/** The first burst, one after a token was revoked, and one that finds all of it warm. */
const BURSTS = 3;

let backing: BackingServices;
let ids: string[];
let replicas: Service[] = [];

// Each attempt starts cold: without a token, and with products that nobody has asked about.
beforeEach(async () => {
  backing = await BackingServices.start();
  const products = Array.from({ length: BURSTS * REPLICAS * CALLERS }, () => ({}));
  ids = await insertProducts(backing.database, products);
});

afterEach(async () => {
  await backing.stop();
});

/** A response in a word, as a household has it. */
function outcomeOf(status: number, body: string): string {
  const { stale, type } = JSON.parse(body) as { stale?: boolean; type?: string };
  if (status === 200) return stale === false ? 'live' : 'stale';
  return `${status} ${type ?? ''}`;
}

/** Asks for the stock of a product over a connection of its own. */
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

/** Has all callers ask at the same instant, each for another product; gives the outcomes that there were. */
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

/** What a busy replica has wrongly taken for an outage. */
async function outages({ url, logs }: Service): Promise<string[]> {
  const metrics = (await ask<string>(`${url}/metrics`)).body.split('\n');
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
  it('is not taken for an outage: one token serves it, and what is accepted is answered live', async () => {
    replicas = await Promise.all(
      Array.from({ length: REPLICAS }, () =>
        backing.startReplica({ INVENTORY_DEADLINE_MS: '5000' }),
      ),
    );
    const tokenRequests = async (): Promise<number> =>
      (await backing.sandbox.state()).oauth.counts.requests;
    // A machine that is busy with other things answers fewer in time: the rest has to be refused early.
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
