import { Redis } from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Sandbox } from '../test/support/sandbox.js';
import type { Called, Outcome } from '../test/support/token-calls.js';
import type { Parts } from './parts.js';
import type { Program, Replica } from './testbed.js';

/** What happened at one moment of a token's life, over all repetitions. */
export interface Moment {
  /** Callers, of all processes and repetitions. */
  readonly callers: number;
  /** Requests that the provider received, in each repetition. */
  readonly requests: readonly number[];
  /** Milliseconds that the slowest caller waited, in each repetition. */
  readonly slowest: readonly number[];
}

export interface OneToken {
  readonly processes: number;
  /** Callers of each process at the same instant. */
  readonly callers: number;
  /** Milliseconds that the provider takes. */
  readonly latency: number;
  /** Seconds that a token lives. */
  readonly life: number;
  readonly cold: Moment;
  readonly expiry: Moment;
  readonly faults: Readonly<Record<string, number>>;
}

/** The token provider of the service, without the service around it. */
const CALLERS: Program = { entry: 'test/support/token-replica.js', ready: '/health/live' };
const PROCESSES = 4;
const AT_ONCE = 250;
/** Long enough for a caller that waits for the provider to stand out. */
const LATENCY_MS = 100;
const LIFE_S = 2;
/** The last tenth of its life a token is not used. */
const USED_MS = 0.9 * LIFE_S * 1000;
/** Callers who come one after the other, up to beyond the end of the first token and not to that of the second. */
const ONE_BY_ONE_MS = 1700;
const LEAD_MS = 100;

interface Repetition {
  readonly requests: { cold: number; expiry: number };
  readonly cold: readonly Outcome[];
  readonly expiry: readonly Outcome[];
}

/** How often four processes, all of whose callers want a token at the same instant, ask for one. */
export async function measureOneToken(
  { testbed, sandbox }: Pick<Parts, 'testbed' | 'sandbox'>,
  repetitions: number,
  say: (line: string) => void,
): Promise<OneToken> {
  say(`partners: ${PROCESSES} x ${AT_ONCE} callers for one token, ${repetitions} times`);
  const redis = new Redis(testbed.redis.url);
  const replicas = await Promise.all(
    Array.from({ length: PROCESSES }, () => testbed.startReplica(sandbox.environment(), CALLERS)),
  );
  const all: Repetition[] = [];
  for (let nth = 0; nth < repetitions; nth++) {
    await forget(replicas, sandbox, redis);
    await sandbox.switch('oauth', { latencyMs: LATENCY_MS, expiresIn: LIFE_S });
    all.push(await repeat(replicas, sandbox));
  }
  await sandbox.reset();
  await Promise.all(replicas.map((replica) => replica.stop()));
  redis.disconnect();

  const moment = (name: 'cold' | 'expiry'): Moment => ({
    callers: all.flatMap((one) => one[name]).reduce((sum, { calls }) => sum + calls, 0),
    requests: all.map(({ requests }) => requests[name]),
    slowest: all.map((one) => {
      const slowest = Math.max(...one[name].map(({ slowestMs }) => slowestMs));
      return Math.round(slowest * 100) / 100;
    }),
  });
  return {
    processes: PROCESSES,
    callers: AT_ONCE,
    latency: LATENCY_MS,
    life: LIFE_S,
    cold: moment('cold'),
    expiry: moment('expiry'),
    faults: count(all.flatMap(({ cold, expiry }) => [...cold, ...expiry])),
  };
}

/** Makes it as if nobody had ever asked for a token. */
async function forget(replicas: readonly Replica[], sandbox: Sandbox, redis: Redis): Promise<void> {
  await Promise.all(replicas.map((replica) => pull(replica, 'forget')));
  await sandbox.reset();
  while ((await sandbox.state()).oauth.counts.inFlight > 0) {
    await sleep(10);
  }
  // What was in flight yet leaves its mark in Redis.
  await sleep(50);
  await redis.flushall();
}

async function repeat(replicas: readonly Replica[], sandbox: Sandbox): Promise<Repetition> {
  const requests = async (): Promise<number> => (await sandbox.state()).oauth.counts.requests;
  const call = (parameters: string): Promise<Called[]> =>
    Promise.all(replicas.map((replica) => pull<Called>(replica, `call?${parameters}`)));

  const at = Date.now() + LEAD_MS;
  const cold = await call(`at=${at}&count=${AT_ONCE}`);
  const coldRequests = await requests();
  const [oneByOne, atOnce] = await Promise.all([
    call(`at=0&count=0&forMs=${ONE_BY_ONE_MS}`),
    call(`at=${at + USED_MS}&count=${AT_ONCE}`),
  ]);
  return {
    requests: { cold: coldRequests, expiry: (await requests()) - coldRequests },
    cold: cold.map((called) => called.cold),
    expiry: [...oneByOne.map((called) => called.later), ...atOnce.map((called) => called.cold)],
  };
}

async function pull<Body>({ url }: Replica, lever: string): Promise<Body> {
  const response = await fetch(`${url}/${lever}`, { method: 'POST' });
  return (await response.json()) as Body;
}

function count(outcomes: readonly Outcome[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const fault of outcomes.flatMap((outcome) => outcome.faults)) {
    counts[fault] = (counts[fault] ?? 0) + 1;
  }
  return counts;
}
