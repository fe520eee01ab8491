import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import { MAX_LIMIT } from '../src/products/listing.js';
import type { Sandbox } from '../test/support/sandbox.js';
import { type Outcome, place, type Route, ROUTES } from './call.js';
import { CallLoad } from './call-load.js';
import { Calls, mixing } from './calls.js';
import type { Catalogue } from './catalogue.js';
import { removeEvents } from './events.js';
import { residentMiB } from './memory.js';
import { faults, percentile } from './summary.js';
import type { Testbed } from './testbed.js';

/** What became of the requests to a route, over all cycles. */
export interface RouteOutcomes {
  readonly route: string;
  readonly requests: number;
  /** How often each status was answered; 0 without an answer. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Milliseconds within which an answer has to be there. */
  readonly deadline: number;
  /** Answers that came more than 100 ms after that. */
  readonly late: number;
  readonly p50: number;
  readonly max: number;
}

/** What became of the requests that were sent while a dependency failed in one way, over all cycles. */
export interface OutageOutcomes {
  readonly name: string;
  /** How long it lasted, each time. */
  readonly seconds: number;
  /** The part of the requests to each route that was answered with 200, and the slowest answer. */
  readonly routes: Readonly<Record<string, { readonly answered: number; readonly max: number }>>;
  /** Seconds from the end to the last answer that was not a usual one, for each cycle. */
  readonly usualAfter: readonly number[];
}

export interface Outages {
  /** Requests a second, of all routes and both replicas together. */
  readonly rate: number;
  readonly cycles: number;
  readonly routes: readonly RouteOutcomes[];
  readonly outages: readonly OutageOutcomes[];
  /** MiB that each replica occupied: before the first cycle, and after each. */
  readonly memory: readonly (readonly number[])[];
  /** What no outage excuses: anything but 200, 409 and 503, and wrong contents. */
  readonly faults: Readonly<Record<string, number>>;
}

interface Failure {
  readonly name: string;
  readonly seconds: number;
  fail(): Promise<unknown>;
  revive(): Promise<unknown>;
}

interface Span {
  readonly name: string;
  readonly from: number;
  readonly until: number;
  /** When all had been as usual for a while. */
  readonly quietAt: number;
}

/** What Redis may cost a request in all, whatever state it is in. */
const REDIS_MS = 100;
/** How long PostgreSQL may take before an older page takes its place. */
const PATIENCE_MS = 1000;
/** How long a probe waits for its answer, by default, in Kubernetes. */
const PROBE_MS = 1000;
/** Waiting for a connection to PostgreSQL, and then for the statement. */
const DATABASE_MS = 10_000 + 5000;

/** Milliseconds within which each route has to answer, whatever has failed. */
const DEADLINES: Readonly<Record<Route, number>> = {
  'cached page': PATIENCE_MS + REDIS_MS,
  'any page': DATABASE_MS + REDIS_MS,
  product: DATABASE_MS + REDIS_MS,
  availability: 3000,
  'new webhook': 4000 + REDIS_MS,
  'webhook again': 4000 + REDIS_MS,
  '/health/live': PROBE_MS,
  '/health/ready': PROBE_MS,
  '/health': 1000 + REDIS_MS,
  '/metrics': PROBE_MS,
};
/** How much later an answer may be here: it has a way to go. */
const TOLERANCE_MS = 100;

const RATE = 300;
/** Pages of 100 products that fill the 32 MiB which a replica keeps of pages. */
const FILLING = 1000;
const FILLING_AT_ONCE = 10;
const WARM_UP_MS = 12_000;
/** As long as nothing unusual is answered for so long, all is as it was. */
const QUIET_MS = 2000;
const MOST_RECOVERY_MS = 30_000;
const POLL_MS = 100;
/** What an outage may be answered with. */
const EXCUSED = new Set([200, 409, 503]);

/** Two replicas that are asked for everything at a constant rate, while all that they depend on fails in turns. */
export async function measureOutages(
  testbed: Testbed,
  catalogue: Catalogue,
  cycles: number,
  say: (line: string) => void,
): Promise<Outages> {
  const sandbox = await testbed.startSandbox();
  const env = { ...sandbox.environment(), ...Calls.environment };
  const replicas = [await testbed.startReplica(env), await testbed.startReplica(env)];
  const calls = await Calls.of(catalogue);
  const next = mixing([
    [100, () => calls.cachedPage()],
    [40, () => calls.anyPage()],
    [50, () => calls.product()],
    [40, () => calls.availability()],
    [20, () => calls.newEvent()],
    [20, () => calls.eventAgain()],
    [8, () => calls.probe('/health/live')],
    [8, () => calls.probe('/health/ready')],
    [6, () => calls.health()],
    [8, () => calls.probe('/metrics')],
  ]);
  const urls = replicas.map(({ url }) => url);
  // First in, first out: no connection idles until the service closes it.
  const agent = new Agent({ keepAlive: true, scheduling: 'fifo' });
  say('outages: filling the caches');
  await Promise.all(urls.map((url) => fill(url, calls, agent)));

  const load = new CallLoad(urls, RATE, next, agent);
  await sleep(WARM_UP_MS);
  const warmedUpAt = performance.now();
  const memoryOf = () => Promise.all(replicas.map(({ pid }) => residentMiB(pid)));
  const memory = [await memoryOf()];
  const spans: Span[] = [];
  for (let cycle = 1; cycle <= cycles; cycle += 1) {
    for (const failure of failures(testbed, sandbox)) {
      say(`outages: ${failure.name}, cycle ${cycle} of ${cycles}`);
      const from = performance.now();
      await failure.fail();
      await sleep(failure.seconds * 1000);
      await failure.revive();
      const until = performance.now();
      await quiet(load, until);
      spans.push({ name: failure.name, from, until, quietAt: performance.now() });
    }
    memory.push(await memoryOf());
  }
  const outcomes = (await load.stop()).filter(({ due }) => due >= warmedUpAt);
  agent.destroy();
  await Promise.all(replicas.map((replica) => replica.stop()));
  await sandbox.stop();
  await removeEvents(testbed);
  return {
    rate: RATE,
    cycles,
    routes: ROUTES.map((route) => ofRoute(route, outcomes)),
    outages: failures(testbed, sandbox).map(({ name, seconds }) => ({
      name,
      seconds,
      ...ofOutage(
        spans.filter((span) => span.name === name),
        outcomes,
      ),
    })),
    memory: replicas.map((_, nth) => memory.map((looks) => looks[nth] ?? NaN)),
    faults: faults(outcomes.filter(isInexcusable)),
  };
}

/** All that can fail, and how. Of a frozen one, connections stay open and nothing answers. */
function failures({ redis, postgres }: Testbed, sandbox: Sandbox): readonly Failure[] {
  return [
    {
      name: 'Redis killed',
      seconds: 3,
      fail: () => redis.kill(),
      revive: () => redis.restart(),
    },
    {
      name: 'Redis frozen',
      seconds: 3,
      fail: () => redis.pause(),
      revive: () => redis.resume(),
    },
    {
      name: 'PostgreSQL killed',
      seconds: 5,
      fail: () => postgres.kill(),
      revive: () => postgres.restart(),
    },
    {
      name: 'PostgreSQL frozen',
      // Longer than anybody waits for a connection.
      seconds: 12,
      fail: () => postgres.pause(),
      revive: () => postgres.resume(),
    },
    {
      name: 'API A killed',
      seconds: 5,
      fail: () => sandbox.switch('inventory', { down: true }),
      revive: () => sandbox.switch('inventory', { down: false }),
    },
    {
      name: 'API A frozen',
      // Longer than the breaker takes to open.
      seconds: 10,
      fail: () => sandbox.switch('inventory', { hang: true }),
      revive: () => sandbox.switch('inventory', { hang: false }),
    },
  ];
}

/** Has a replica keep as many pages as it will ever do, so that it grows for that no more. */
async function fill(url: string, calls: Calls, agent: Agent): Promise<void> {
  let sent = 0;
  const client = async (): Promise<void> => {
    while (sent++ < FILLING) {
      await place(url, calls.anyPage(MAX_LIMIT), agent, performance.now());
    }
  };
  await Promise.all(Array.from({ length: FILLING_AT_ONCE }, client));
}

/** Waits until answers have been as usual for a while. */
async function quiet({ outcomes }: CallLoad, since: number): Promise<void> {
  const unusualAt = (): number => {
    const unusual = outcomes.findLast(({ fault }) => fault !== undefined);
    return Math.max(since, unusual === undefined ? 0 : answeredAt(unusual));
  };
  while (
    performance.now() - unusualAt() < QUIET_MS &&
    performance.now() - since < MOST_RECOVERY_MS
  ) {
    await sleep(POLL_MS);
  }
}

function ofRoute(route: Route, all: readonly Outcome[]): RouteOutcomes {
  const outcomes = all.filter((outcome) => outcome.route === route);
  const latencies = outcomes.map(({ latency }) => latency).sort((a, b) => a - b);
  const statuses: Record<string, number> = {};
  for (const { status } of outcomes) {
    statuses[status] = (statuses[status] ?? 0) + 1;
  }
  const deadline = DEADLINES[route];
  return {
    route,
    requests: outcomes.length,
    statuses,
    deadline,
    late: latencies.filter((latency) => latency > deadline + TOLERANCE_MS).length,
    p50: percentile(latencies, 0.5),
    max: percentile(latencies, 1),
  };
}

function ofOutage(
  own: readonly Span[],
  outcomes: readonly Outcome[],
): Pick<OutageOutcomes, 'routes' | 'usualAfter'> {
  const during = outcomes.filter(({ due }) =>
    own.some(({ from, until }) => due >= from && due < until),
  );
  return {
    routes: Object.fromEntries(
      ROUTES.map((route) => {
        const asked = during.filter((outcome) => outcome.route === route);
        const answered = asked.filter(({ status }) => status === 200);
        const slowest = Math.max(...asked.map(({ latency }) => latency));
        return [
          route,
          {
            answered: Math.round((10_000 * answered.length) / asked.length) / 10_000,
            max: Math.round(slowest),
          },
        ];
      }),
    ),
    usualAfter: own.map(({ until, quietAt }) => {
      const unusual = outcomes
        .filter(({ due, fault }) => fault !== undefined && due >= until && due < quietAt)
        .map((outcome) => answeredAt(outcome) - until);
      return Math.round(Math.max(0, ...unusual) / 10) / 100;
    }),
  };
}

/** Not an answer that any outage may be answered with. */
function isInexcusable({ status, fault }: Outcome): boolean {
  if (fault === undefined) return false;
  return status === 200 ? !['stale', 'degraded'].includes(fault) : !EXCUSED.has(status);
}

function answeredAt({ due, latency }: Outcome): number {
  return due + latency;
}
