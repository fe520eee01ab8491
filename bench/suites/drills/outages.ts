import { setTimeout as sleep } from 'node:timers/promises';

import { MAX_LIMIT } from '../../../src/products/listing.js';
import { MAX_BYTES } from '../../../src/response-cache/memory-response-store.js';
import type { Sandbox } from '../../../test/support/sandbox.js';
import { Load, type Outcome } from '../../load/load.js';
import { leastResidentMb } from '../../resident-memory.js';
import type { Bench } from '../../suite.js';
import type { Testbed } from '../../testbed.js';
import { removeEvents } from '../../webhook-events.js';
import { type RoutedRequest, Traffic } from './traffic.js';

type Outcomes = readonly Outcome<RoutedRequest>[];
export type Outages = Awaited<ReturnType<typeof runOutages>>;

/** A paused server keeps its connections open and does not respond. */
type Server = Record<'kill' | 'restart' | 'pause' | 'resume', () => Promise<unknown>>;

/** Requests a second, over all routes and both replicas. */
export const OUTAGE_RATE = 300;
const SECONDS_PER_CYCLE = 12;
/** Fills the response cache of a replica twice over, so that it does not grow later: a page has about 40 kB. */
const FILL_PAGES = (2 * MAX_BYTES) / 40_000;
const FILL_CONNECTIONS = 10;
const WARM_UP_MS = 12_000;
const QUIET_MS = 2000;
const MAX_RECOVERY_MS = 30_000;
const POLL_MS = 100;

/** Two replicas under load on every route while each dependency is killed and frozen. */
export async function runOutages({ testbed, catalog, seconds, log }: Bench) {
  const cycles = Math.max(1, Math.round(seconds / SECONDS_PER_CYCLE));
  const sandbox = await testbed.startSandbox();
  const env = { ...sandbox.environment(), ...Traffic.environment };
  const replicas = [await testbed.startReplica(env), await testbed.startReplica(env)];
  const traffic = await Traffic.of(catalog);
  log('outages: filling the response caches');
  for (const { url } of replicas) {
    let missing = FILL_PAGES;
    const anyPage = () => (missing-- > 0 ? traffic.anyPage(MAX_LIMIT) : undefined);
    await new Load({ url, connections: FILL_CONNECTIONS, next: anyPage }).finished();
  }

  const pages = { 'cached page': 100, 'any page': 40, product: 50, availability: 40 };
  const events = { 'new webhook': 20, 'repeated webhook': 20 };
  const probes = { '/health/live': 8, '/health/ready': 8, '/health': 6, '/metrics': 8 };
  const next = traffic.mix({ ...pages, ...events, ...probes });
  const rate = OUTAGE_RATE / replicas.length;
  const loads = replicas.map(({ url }) => new Load({ url, rate, next }));
  const outcomesSince = (from: number, until = Infinity) =>
    loads.flatMap(({ outcomes }) => outcomes.filter((o) => o.dueAt >= from && o.dueAt < until));
  await sleep(WARM_UP_MS);
  const warmedUpAt = performance.now();
  const before = await Promise.all(replicas.map(leastResidentMb));
  const spans: { name: string; startedAt: number; endedAt: number; quietAt: number }[] = [];
  for (let cycle = 1; cycle <= cycles; cycle += 1) {
    for (const { name, duration, start, end } of failuresOf(testbed, sandbox)) {
      log(`outages: ${name}, cycle ${cycle} of ${cycles}`);
      const startedAt = performance.now();
      await start();
      await sleep(duration);
      await end();
      const endedAt = performance.now();
      const quietAfter = () => lastFault(outcomesSince(endedAt), endedAt) + QUIET_MS;
      const givesUpAt = endedAt + MAX_RECOVERY_MS;
      while (performance.now() < Math.min(quietAfter(), givesUpAt)) await sleep(POLL_MS);
      spans.push({ name, startedAt, endedAt, quietAt: performance.now() });
    }
  }
  const after = await Promise.all(replicas.map(leastResidentMb));
  await Promise.all(loads.map((load) => load.stop()));
  await testbed.stopReplicas();
  await sandbox.stop();
  await removeEvents(testbed);
  return {
    cycles,
    outcomes: outcomesSince(warmedUpAt),
    outages: spans.map(({ name, startedAt, endedAt, quietAt }) => ({
      name,
      outcomes: outcomesSince(startedAt, endedAt),
      /** Seconds from the end of the outage to the last response that was not normal. */
      recovery: (lastFault(outcomesSince(endedAt, quietAt), endedAt) - endedAt) / 1000,
    })),
    memory: before.map((mb, nth) => ({ before: mb, after: after[nth] ?? NaN })),
  };
}

/** When the last response came that was not normal; `earliest` if there is none. */
function lastFault(outcomes: Outcomes, earliest: number): number {
  const faults = outcomes.filter(({ fault }) => fault !== undefined);
  return Math.max(earliest, ...faults.map(({ dueAt, latency }) => dueAt + latency));
}

function failuresOf({ redis, postgres }: Testbed, sandbox: Sandbox) {
  const inventory: Server = {
    kill: () => sandbox.switch('inventory', { down: true }),
    restart: () => sandbox.switch('inventory', { down: false }),
    pause: () => sandbox.switch('inventory', { hang: true }),
    resume: () => sandbox.switch('inventory', { hang: false }),
  };
  const both = (name: string, server: Server, killedMs: number, frozenMs: number) => {
    const kill = { start: () => server.kill(), end: () => server.restart() };
    const freeze = { start: () => server.pause(), end: () => server.resume() };
    return [
      { name: `${name} killed`, duration: killedMs, ...kill },
      { name: `${name} frozen`, duration: frozenMs, ...freeze },
    ];
  };
  return [
    ...both('Redis', redis, 3000, 3000),
    // Longer than the service waits for a connection.
    ...both('PostgreSQL', postgres, 5000, 12_000),
    // Longer than the breaker takes to open.
    ...both('API A', inventory, 5000, 10_000),
  ];
}
