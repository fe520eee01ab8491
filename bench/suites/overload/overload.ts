import type { Catalogue } from '../../catalogue.js';
import type { SenderResult } from '../../load/open-loop-sender.js';
import { sendOpenLoad } from '../../load/open-loop.js';
import { median } from '../../summary.js';
import { type Testbed, TestbedError } from '../../testbed.js';
import type { Kind, StartKind } from './kinds.js';

/** Requests offered, as multiples of the capacity. */
export const MULTIPLES = [0.5, 1, 2, 3, 5] as const;
export type Multiple = (typeof MULTIPLES)[number];

/** What happens to one kind of request when more of them come than can be answered. */
export interface KindResult {
  readonly name: string;
  readonly description: string;
  /** Accepted responses a second in a closed loop: the median of the runs before the overload. */
  readonly capacity: number;
  /** The same in one run after the overload. */
  readonly capacityAfter: number;
  readonly loads: Readonly<Record<Multiple, SenderResult>>;
}

export interface Overload {
  readonly seconds: number;
  readonly closedSeconds: number;
  readonly closedRuns: number;
  readonly closedConnections: number;
  readonly openConnections: number;
  readonly kinds: readonly KindResult[];
}

/** The part of a load's time that each load here lasts: there are many. */
const PART = 1 / 6;
/** In less time the queues of the service are hardly full. */
const LEAST_SECONDS = 3;
/** In more time more events would be signed beforehand than fit into the memory of a small machine. */
const MOST_SECONDS = 10;
const CLOSED_PART = 1 / 2;
const CLOSED_RUNS = 3;
const CLOSED_CONNECTIONS = 64;
const OPEN_CONNECTIONS = 2000;
/** Requests that are prepared for a second of a closed loop: more than a replica answers where each has to be new. */
const MOST_A_SECOND = 15_000;

/** Measures what becomes of some kinds of request when more of them come than can be answered. */
export async function measureOverload(
  testbed: Testbed,
  catalogue: Catalogue,
  kinds: readonly StartKind[],
  wholeSeconds: number,
  say: (line: string) => void,
): Promise<Overload> {
  const seconds = Math.min(MOST_SECONDS, Math.max(LEAST_SECONDS, Math.round(wholeSeconds * PART)));
  const closedSeconds = Math.ceil(seconds * CLOSED_PART);
  const results: KindResult[] = [];
  for (const start of kinds) {
    const kind = await start(testbed, catalogue);
    results.push(await measureKind(kind, seconds, closedSeconds, say));
    await kind.stop();
  }
  return {
    seconds,
    closedSeconds,
    closedRuns: CLOSED_RUNS,
    closedConnections: CLOSED_CONNECTIONS,
    openConnections: OPEN_CONNECTIONS,
    kinds: results,
  };
}

async function measureKind(
  kind: Kind,
  seconds: number,
  closedSeconds: number,
  say: (line: string) => void,
): Promise<KindResult> {
  const { name, description } = kind;
  const closedRate = async (): Promise<number> => {
    const rate = await measureClosed(kind, closedSeconds);
    say(`${name}: closed loop ${Math.round(rate)}/s`);
    return rate;
  };
  // The first run warms everything up.
  await closedRate();
  const rates: number[] = [];
  for (let run = 0; run < CLOSED_RUNS; run += 1) rates.push(await closedRate());
  const capacity = median(rates);

  const loads: Partial<Record<Multiple, SenderResult>> = {};
  for (const multiple of MULTIPLES) {
    const rate = multiple * capacity;
    const load = await sendOpenLoad({
      url: kind.url,
      requests: kind.requests(Math.ceil(rate * seconds)),
      seconds,
      rate,
      connections: OPEN_CONNECTIONS,
    });
    loads[multiple] = load;
    say(`${name}: ${multiple} times the capacity: ${describe(load, seconds, capacity)}`);
  }
  return {
    name,
    description,
    capacity,
    capacityAfter: await closedRate(),
    loads: loads as Record<Multiple, SenderResult>,
  };
}

/** @throws TestbedError when a request was not accepted: then this is no capacity. */
async function measureClosed({ name, ...kind }: Kind, seconds: number): Promise<number> {
  const prepared = seconds * MOST_A_SECOND;
  const { accepted, acceptedInTime, sent, refusals, faults } = await sendOpenLoad({
    url: kind.url,
    requests: kind.requests(prepared),
    seconds,
    connections: CLOSED_CONNECTIONS,
  });
  if (accepted < sent) {
    const reasons = JSON.stringify({ ...refusals, ...faults });
    throw new TestbedError(
      `${name}: ${sent - accepted} requests of a closed loop failed: ${reasons}`,
    );
  }
  return acceptedInTime / seconds;
}

function describe(load: SenderResult, seconds: number, capacity: number): string {
  const { acceptedInTime, refused, acceptedLatency, faults } = load;
  const goodput = acceptedInTime / seconds;
  return [
    `goodput ${Math.round(goodput)}/s (${(goodput / capacity).toFixed(2)})`,
    `P99 ${acceptedLatency.p99} ms`,
    `${refused} refused`,
    `faults ${JSON.stringify(faults)}`,
    `sender ${Math.round(load.cpuMicroseconds)} µs a request`,
  ].join(', ');
}
