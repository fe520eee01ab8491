import { setTimeout as sleep } from 'node:timers/promises';

import { eventually } from './eventually.js';
import { Load, type Reply } from './load.js';
import { between, deviations, type Outcomes } from './replies.js';
import { ROUTES, type Traffic } from './traffic.js';

/** What the routes answer when all is well. */
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
  // A busy machine may not hear a healthy Redis in time.
  health: ['ok', 'degraded redis'],
  metrics: ['ok'],
};

/** Something that fails for a while. */
export interface Outage {
  readonly fail: () => Promise<unknown>;
  readonly revive: () => Promise<unknown>;
  /** Milliseconds until what was known before is forgotten: for one second `/health` says again what it has said. */
  readonly settlesInMs?: number;
  /** Milliseconds after that. */
  readonly lastsMs?: number;
}

/** What was seen of an outage. */
export interface Observation {
  /** The replies to what was sent, and answered, after it had settled and before its end. */
  readonly during: readonly Reply[];
  readonly all: readonly Reply[];
}

const RECOVERY_MS = 10_000;

/** Sends traffic before an outage, while it lasts, and until all is well again: within ten seconds, without a restart. */
export async function observe(
  traffic: Traffic,
  { fail, revive, settlesInMs = 1100, lastsMs = 1000 }: Outage,
): Promise<Observation> {
  const load = new Load(traffic.url, () => traffic.next());
  try {
    await wellFrom(performance.now(), load);
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
    await wellFrom(performance.now(), load);
    return { during: between(load.replies, from, until), all: load.replies };
  } finally {
    await load.stop();
  }
}

/** Waits until on every route the last that was sent after a moment has found all well. */
async function wellFrom(moment: number, { replies }: Load): Promise<void> {
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
      throw new Error(`Not well within ${RECOVERY_MS} ms: ${faults().join(', ')}`);
    },
  );
}
