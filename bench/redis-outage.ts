import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Catalogue } from './catalogue.js';
import { sendLoad } from './load.js';
import type { PageRequest } from './page-request.js';
import { PopularPages } from './popular-pages.js';
import { measure, type Sample } from './sample.js';
import { faults, summarise, type Summary } from './summary.js';
import type { Replica, Testbed } from './testbed.js';

export interface RedisOutage {
  /** Requests a second, of both replicas together. */
  readonly rate: number;
  readonly seconds: number;
  readonly before: Summary;
  readonly during: Summary;
  readonly after: Summary;
  /** Seconds from Redis' return to the first page that one replica had from the other. */
  readonly sharedAgainAfter: number | undefined;
  readonly faults: Readonly<Record<string, number>>;
}

const RATE = 500;
const WARM_UP_SECONDS = 5;
const PROBE_MS = 50;

/** Two replicas under load while their Redis is killed and, later, started again, empty. */
export async function measureRedisOutage(
  testbed: Testbed,
  catalogue: Catalogue,
  seconds: number,
  say: (line: string) => void,
): Promise<RedisOutage> {
  const pages = await PopularPages.of(catalogue);
  const [one, other] = [await testbed.startReplica({}), await testbed.startReplica({})];
  say(`redis-outage: ${RATE} requests/s for ${seconds} s`);
  const load = { urls: [one.url, other.url], rate: RATE, next: () => pages.next() };
  await sendLoad({ ...load, seconds: Math.min(WARM_UP_SECONDS, seconds) });

  const loaded = sendLoad({ ...load, seconds });
  const ended = performance.now() + seconds * 1000;
  await sleep((seconds * 1000) / 3);
  const killed = performance.now();
  await testbed.redis.kill();
  say('redis-outage: Redis is killed');
  await sleep((seconds * 1000) / 3);
  await testbed.redis.restart();
  const returned = performance.now();
  say('redis-outage: Redis is back');
  const shared = await firstShared([one, other], () => pages.any(1), ended);
  const samples = await loaded;
  await Promise.all([one.stop(), other.stop()]);

  const due = (from: number, until: number) =>
    summarise(samples.filter((sample) => sample.due >= from && sample.due < until));
  return {
    rate: RATE,
    seconds,
    before: due(0, killed),
    during: due(killed, returned),
    after: due(returned, Infinity),
    sharedAgainAfter:
      shared.at === undefined ? undefined : Math.round((shared.at - returned) / 10) / 100,
    faults: faults([...samples, ...shared.probes]),
  };
}

/** Asks one replica and then the other for a page that nobody else asks for, until the other has it from Redis. */
async function firstShared(
  [one, other]: readonly [Replica, Replica],
  anyPage: () => PageRequest,
  until: number,
): Promise<{ at: number | undefined; probes: Sample[] }> {
  const agent = new Agent({ keepAlive: true });
  const probes: Sample[] = [];
  let at: number | undefined;
  while (at === undefined && performance.now() < until) {
    const page = anyPage();
    const read = await measure(one.url, page, agent, performance.now());
    // Keeping the page in Redis is not waited for by the one who reads it.
    await sleep(PROBE_MS);
    const again = await measure(other.url, page, agent, performance.now());
    probes.push(read, again);
    if (read.cache === 'MISS' && again.cache === 'HIT') {
      at = performance.now();
    }
  }
  agent.destroy();
  return { at, probes };
}
