import { setTimeout as sleep } from 'node:timers/promises';

import type { Availability } from './availability.js';
import { AvailabilityLoad } from './availability-load.js';
import { Breaker } from './breaker.js';
import type { Parts } from './parts.js';
import { faults, summarise, type Summary } from './summary.js';

/** What came of the questions that were asked while API A failed at every second one. */
export interface Failing extends Summary {
  /** Requests that API A received for them. */
  readonly sent: number;
  /** Requests for each question. */
  readonly ratio: number;
  /** The same with the healthy time before counted in. */
  readonly overall: number;
  /** The part of the questions that were answered with 200. */
  readonly answered: number;
  /** How often the breaker opened. */
  readonly opened: number;
}

export interface FailingInventory {
  /** Questions for stock a second. */
  readonly rate: number;
  readonly seconds: number;
  /** How long API A had answered all questions, in the second case. */
  readonly healthySeconds: number;
  /** A replica that has asked API A nothing before. */
  readonly cold: Failing;
  /** One whose questions were all answered up to then, and who has retries to spare. */
  readonly warm: Failing;
  readonly faults: Readonly<Record<string, number>>;
}

const RATE = 100;
const ERROR_RATE = 0.5;

/** How much API A is asked when it fails at half of what it is asked. */
export async function measureFailingInventory(
  parts: Omit<Parts, 'pages'>,
  seconds: number,
  say: (line: string) => void,
): Promise<FailingInventory> {
  const healthySeconds = seconds;
  say(`partners: ${RATE} questions/s for stock while API A fails at every second one`);
  const cold = await fail(parts, 0, seconds);
  say('partners: the same after it had answered all');
  const warm = await fail(parts, healthySeconds, seconds);
  return {
    rate: RATE,
    seconds,
    healthySeconds,
    cold: cold.failing,
    warm: warm.failing,
    faults: faults([...cold.samples, ...warm.samples]),
  };
}

async function fail(
  { testbed, sandbox, supply }: Omit<Parts, 'pages'>,
  healthySeconds: number,
  seconds: number,
): Promise<{ failing: Failing; samples: readonly Availability[] }> {
  const replica = await testbed.startReplica(sandbox.environment());
  const failAgain = () => sandbox.switch('inventory', { errorRate: ERROR_RATE, errorStatus: 503 });
  const { counts: atStart } = (await sandbox.state()).inventory;
  // Before the first question: a load makes up for a pause at its beginning.
  const early = healthySeconds === 0 ? await failAgain() : undefined;
  const load = new AvailabilityLoad(replica.url, RATE, () => supply.nextUnknown());
  await sleep(healthySeconds * 1000);
  const { counts: before } = early ?? (await failAgain());
  const failingFrom = performance.now();
  await sleep(seconds * 1000);
  const samples = await load.stop();
  const { counts: after } = await sandbox.switch('inventory', { errorRate: 0 });
  const { open } = await new Breaker(replica.url).changes();
  await replica.stop();

  const asked = early ? samples : samples.filter(({ due }) => due >= failingFrom);
  const sent = after.requests - before.requests;
  const answered = asked.filter(({ outcome }) => outcome === 'live').length;
  return {
    failing: {
      ...summarise(asked),
      sent,
      ratio: toThousandths(sent / asked.length),
      overall: toThousandths((after.requests - atStart.requests) / samples.length),
      answered: toThousandths(answered / asked.length),
      opened: open,
    },
    samples,
  };
}

function toThousandths(value: number): number {
  return Math.round(value * 1000) / 1000;
}
