import { setTimeout as sleep } from 'node:timers/promises';

import { type Availability, expecting, type Outcome } from './availability.js';
import { AvailabilityLoad } from './availability-load.js';
import { Breaker } from './breaker.js';
import { learnKnown } from './learning.js';
import type { Parts } from './parts.js';
import { faults, summarise, type Summary } from './summary.js';

/** Questions for stock that have something in common, and what they were told. */
export interface Questions extends Summary {
  readonly outcomes: Readonly<Record<Outcome, number>>;
}

export interface InventoryOutage {
  /** Questions for stock a second. */
  readonly rate: number;
  /** How long API A was asked before it hung, and how long it hung after the breaker had opened. */
  readonly seconds: number;
  readonly healthy: Questions;
  /** From the switch to the opening of the breaker, and who was waiting at the switch. */
  readonly noticing: Readonly<Record<Kind, Questions>>;
  /** From there to the switch back, the trials included. */
  readonly open: Readonly<Record<Kind | 'trials', Questions>>;
  /** Requests that API A received in that time: those of the trials. */
  readonly requestsWhileOpen: number;
  /** Seconds from the switch to the opening. */
  readonly openedAfter: number;
  /** Seconds from the switch back to the first live answer. */
  readonly liveAfter: number;
  readonly faults: Readonly<Record<string, number>>;
}

export type Kind = 'all' | 'known' | 'unknown';

const RATE = 100;
const LIVE_AFTERWARDS_MS = 7500;
/** An answer that took so long, of the second that an attempt may take, was waited for. */
const WAITED_MS = 500;

/** What households who ask for stock are told, and when, from before API A hangs until it is back. */
export async function measureInventoryOutage(
  { testbed, sandbox, supply }: Omit<Parts, 'pages'>,
  seconds: number,
  say: (line: string) => void,
): Promise<InventoryOutage> {
  const replica = await testbed.startReplica(sandbox.environment());
  const breaker = new Breaker(replica.url);
  await learnKnown(replica.url, supply);

  say(`partners: ${RATE} questions/s for stock while API A hangs`);
  const load = new AvailabilityLoad(replica.url, RATE, () => supply.next());
  // As long as the breaker remembers: the more good answers it has seen, the longer bad ones take to outweigh them.
  await sleep(seconds * 1000);
  const closed = await breaker.changes();
  const hungAt = performance.now();
  await sandbox.switch('inventory', { hang: true });
  const openedAt = await breaker.changeTo('open', closed);
  const atOpening = (await sandbox.state()).inventory.counts.requests;
  await sleep(seconds * 1000);
  const backAt = performance.now();
  const { counts } = await sandbox.switch('inventory', { hang: false });
  await sleep(LIVE_AFTERWARDS_MS);
  const samples = await load.stop();
  await replica.stop();

  const spared = samples.filter(({ due, latency }) => due + latency < hungAt);
  const healthy = spared.map((sample) => expecting(sample, 'live'));
  // Whoever had no answer yet when API A began to hang is hit as well.
  const noticing = samples
    .filter((sample) => sample.due < openedAt && !spared.includes(sample))
    .map(neverEmptyHanded);
  const open = samples.filter(({ due }) => due >= openedAt && due < backAt).map(fallingBack);
  const after = samples.filter(({ due }) => due >= backAt).map(neverEmptyHanded);
  const live = after
    .filter(({ outcome }) => outcome === 'live')
    .map(({ due, latency }) => due + latency);
  return {
    rate: RATE,
    seconds,
    healthy: questions(healthy),
    noticing: byKind(noticing),
    open: {
      ...byKind(open),
      trials: questions(open.filter(({ latency }) => latency >= WAITED_MS)),
    },
    requestsWhileOpen: counts.requests - atOpening,
    openedAfter: inSeconds(openedAt - hungAt),
    liveAfter: inSeconds(Math.min(...live) - backAt),
    faults: faults([...healthy, ...noticing, ...open, ...after]),
  };
}

/** Of a product that is known nobody should hear that nothing is. */
function neverEmptyHanded(sample: Availability): Availability {
  return sample.product.known ? expecting(sample, 'live', 'stale') : sample;
}

/** Nobody asks the inventory. */
function fallingBack(sample: Availability): Availability {
  return expecting(sample, sample.product.known ? 'stale' : 'unavailable');
}

function byKind(samples: readonly Availability[]): Record<Kind, Questions> {
  return {
    all: questions(samples),
    known: questions(samples.filter(({ product }) => product.known)),
    unknown: questions(samples.filter(({ product }) => !product.known)),
  };
}

function questions(samples: readonly Availability[]): Questions {
  const count = (wanted: Outcome): number =>
    samples.filter(({ outcome }) => outcome === wanted).length;
  return {
    ...summarise(samples),
    outcomes: {
      live: count('live'),
      stale: count('stale'),
      unavailable: count('unavailable'),
    },
  };
}

function inSeconds(milliseconds: number): number {
  return Math.round(milliseconds / 10) / 100;
}
