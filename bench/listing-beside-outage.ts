import { setTimeout as sleep } from 'node:timers/promises';

import { AvailabilityLoad } from './availability-load.js';
import { Breaker } from './breaker.js';
import { learnKnown } from './learning.js';
import { ListingLoop } from './listing-loop.js';
import type { Parts } from './parts.js';
import type { Sample } from './sample.js';
import { faults, percentile } from './summary.js';

/** Pages a second, in one turn of API A answering and hanging. */
export interface Turn {
  readonly healthy: number;
  /** API A hangs and the breaker has not noticed yet. */
  readonly noticing: number;
  /** API A hangs and the breaker is open, but for its trials. */
  readonly hanging: number;
  /** Seconds from the switch to the opening of the breaker. */
  readonly openedAfter: number;
  /** Seconds from the switch back to its closing. */
  readonly closedAfter: number;
}

export interface ListingBesideOutage {
  readonly connections: number;
  /** Questions for stock a second. */
  readonly rate: number;
  /** How long each state was measured in a turn. */
  readonly seconds: number;
  readonly turns: readonly Turn[];
  /** Medians over the turns. */
  readonly healthy: number;
  readonly noticing: number;
  readonly hanging: number;
  /** Hanging to healthy. */
  readonly ratio: number;
  readonly faults: Readonly<Record<string, number>>;
}

interface Span {
  readonly from: number;
  readonly until: number;
}

const CONNECTIONS = 32;
const RATE = 100;
const TURNS = 3;
const WARM_UP_MS = 3000;

/** The listing under all the load it can bear while API A, which is asked all along, answers and hangs in turns. */
export async function measureListingBesideOutage(
  { testbed, sandbox, supply, pages }: Parts,
  seconds: number,
  say: (line: string) => void,
): Promise<ListingBesideOutage> {
  const replica = await testbed.startReplica(sandbox.environment());
  const breaker = new Breaker(replica.url);
  await learnKnown(replica.url, supply);

  const stock = new AvailabilityLoad(replica.url, RATE, () => supply.next());
  const listing = new ListingLoop(replica.url, CONNECTIONS, () => pages.next());
  const span = async (): Promise<Span> => {
    const from = performance.now();
    await sleep(seconds * 1000);
    return { from, until: performance.now() };
  };
  await sleep(WARM_UP_MS);
  const spans: { healthy: Span; noticing: Span; hanging: Span; closing: Span }[] = [];
  for (let nth = 1; nth <= TURNS; nth++) {
    say(`partners: the listing beside API A that answers and hangs, turn ${nth} of ${TURNS}`);
    const healthy = await span();
    const closed = await breaker.changes();
    const hungAt = performance.now();
    await sandbox.switch('inventory', { hang: true });
    const noticing = { from: hungAt, until: await breaker.changeTo('open', closed) };
    const hanging = await span();
    const open = await breaker.changes();
    const backAt = performance.now();
    await sandbox.switch('inventory', { hang: false });
    const closing = { from: backAt, until: await breaker.changeTo('closed', open) };
    spans.push({ healthy, noticing, hanging, closing });
  }
  const [samples, answers] = [await listing.stop(), await stock.stop()];
  await replica.stop();

  const turns = spans.map(({ healthy, noticing, hanging, closing }) => ({
    healthy: perSecond(samples, healthy),
    noticing: perSecond(samples, noticing),
    hanging: perSecond(samples, hanging),
    openedAfter: duration(noticing),
    closedAfter: duration(closing),
  }));
  const median = (state: 'healthy' | 'noticing' | 'hanging'): number =>
    percentile(
      turns.map((turn) => turn[state]).sort((a, b) => a - b),
      0.5,
    );
  return {
    connections: CONNECTIONS,
    rate: RATE,
    seconds,
    turns,
    healthy: median('healthy'),
    noticing: median('noticing'),
    hanging: median('hanging'),
    ratio: Math.round((1000 * median('hanging')) / median('healthy')) / 1000,
    faults: faults([...samples, ...answers]),
  };
}

/** Pages that were answered in a span, for each of its seconds. */
function perSecond(samples: readonly Sample[], span: Span): number {
  const answered = samples.filter(({ due, latency }) => {
    const at = due + latency;
    return at >= span.from && at < span.until;
  });
  return Math.round((answered.length * 1000) / (span.until - span.from));
}

function duration({ from, until }: Span): number {
  return Math.round((until - from) / 10) / 100;
}
