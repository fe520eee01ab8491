import { Agent } from 'node:http';

import { ask } from './page-request.js';
import type { Testbed } from './testbed.js';

/** What the clients were answered, all of whom come from one address. */
export interface Limited {
  /** How often each status was answered; 0 without an answer. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Requests that each replica has answered with 200. */
  readonly accepted: readonly number[];
}

export interface Limit {
  /** Requests that an address may send in a minute. */
  readonly limit: number;
  readonly requests: number;
  readonly clients: number;
  /** With Redis all along. */
  readonly together: Limited;
  /** With Redis killed half-way to the limit. */
  readonly apart: Limited;
}

const LIMIT = 100;
const REQUESTS = 10_000;
const CLIENTS = 8;
const REPLICAS = 3;
const PATH = '/api/products?limit=1';

/** How many requests of one address are let through by replicas that count together, and by ones that no longer can. */
export async function measureLimit(testbed: Testbed, say: (line: string) => void): Promise<Limit> {
  say(`limit: ${REQUESTS} requests of one address to ${REPLICAS} replicas`);
  const together = await sendAll(testbed, () => Promise.resolve());
  say('limit: the same, and Redis is killed half-way to the limit');
  const apart = await sendAll(testbed, () => testbed.redis.kill());
  await testbed.redis.restart();
  return { limit: LIMIT, requests: REQUESTS, clients: CLIENTS, together, apart };
}

/** Sends all requests to replicas that know nothing of the address yet. */
async function sendAll(testbed: Testbed, halfWay: () => Promise<void>): Promise<Limited> {
  await testbed.redis.restart();
  const env = { THROTTLE_LIMIT: String(LIMIT), THROTTLE_TTL_MS: '60000' };
  const replicas = await Promise.all(
    Array.from({ length: REPLICAS }, () => testbed.startReplica(env)),
  );
  const agent = new Agent({ keepAlive: true });
  const statuses: Record<string, number> = {};
  const accepted = replicas.map(() => 0);
  let sent = 0;
  /** One request after the other, in turns to each replica, until so many are sent. */
  const sendUntil = async (end: number): Promise<void> => {
    while (sent < end) {
      const nth = sent++ % REPLICAS;
      const url = `${replicas[nth]?.url ?? ''}${PATH}`;
      const { status } = await ask(url, agent).catch(() => ({ status: 0 }));
      statuses[status] = (statuses[status] ?? 0) + 1;
      if (status === 200) accepted[nth] = (accepted[nth] ?? 0) + 1;
    }
  };
  const clients = async (end: number): Promise<void> => {
    await Promise.all(Array.from({ length: CLIENTS }, () => sendUntil(end)));
  };
  await clients(LIMIT / 2);
  await halfWay();
  await clients(REQUESTS);
  agent.destroy();
  await Promise.all(replicas.map((replica) => replica.stop()));
  return { statuses, accepted };
}
