import { setTimeout as sleep } from 'node:timers/promises';

import { eventually } from './eventually.js';
import { Load, type Reply } from './load.js';
import { between, deviations, type Outcomes } from './replies.js';
import { ROUTES, type Traffic } from './traffic.js';

/** The outcomes of all routes without a fault. */
export const WELL: Outcomes = {
  listing: ['fresh'],
  'unseen listing': ['fresh'],
  product: ['fresh'],
  'unseen product': ['fresh'],
  availability: ['fresh'],
  'unseen availability': ['fresh'],
  event: ['processed'],
  duplicate: ['duplicate'],
  live: ['ok'],
  ready: ['ok'],
  // On a busy machine a healthy Redis can time out.
  health: ['ok', 'degraded redis'],
  metrics: ['ok'],
};

/** A temporary fault. */
export interface Outage {
  readonly fail: () => Promise<unknown>;
  readonly revive: () => Promise<unknown>;
  /** Milliseconds until cached state has expired. The default is the age of a cached report of `/health`. */
  readonly settlesInMs?: number;
  /** Milliseconds to observe after that. */
  readonly lastsMs?: number;
}

/** The replies around an outage. */
export interface Observation {
  /** Replies to requests that started and ended during the outage, after it had settled. */
  readonly during: readonly Reply[];
  readonly all: readonly Reply[];
}

const RECOVERY_MS = 10_000;

/** Sends traffic before, during and after an outage, and expects full recovery within ten seconds. */
export async function observe(
  traffic: Traffic,
  { fail, revive, settlesInMs = 1100, lastsMs = 1000 }: Outage,
): Promise<Observation> {
  const load = new Load(traffic.url, () => traffic.next());
  try {
    await untilNormal(performance.now(), load);
    let from: number;
    let until: number;
    try {
      await fail();
      await sleep(settlesInMs);
      from = performance.now();
      await sleep(lastsMs);
      until = performance.now();
    } finally {
      await revive();
    }
    await untilNormal(performance.now(), load);
    return { during: between(load.replies, from, until), all: load.replies };
  } finally {
    await load.stop();
  }
}

/** Waits until, on every route, the last request after a moment had a normal outcome. */
async function untilNormal(moment: number, { replies }: Load): Promise<void> {
  const faults = (): string[] => {
    const since = replies.filter(({ sentAt }) => sentAt > moment);
    const latest = ROUTES.map((name) => since.findLast(({ route }) => route === name));
    return deviations(
      latest.filter((reply) => reply !== undefined),
      WELL,
    );
  };
  await eventually(() => Promise.resolve(faults().length === 0 || undefined), RECOVERY_MS).catch(
    () => {
      throw new Error(`No recovery within ${RECOVERY_MS} ms: ${faults().join(', ')}`);
    },
  );
}
