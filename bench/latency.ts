import { ORDERS, SORTS } from '../src/products/sort.js';
import type { Catalogue } from './catalogue.js';
import { sendLoad } from './load.js';
import { type Sample, uncached } from './sample.js';
import { faults, summarise, type Summary } from './summary.js';
import { EMPTY_CACHES, type Testbed } from './testbed.js';
import {
  acrossFilters,
  DEPTHS,
  drawing,
  indexedFilters,
  LIMITS,
  type PageRow,
  listedPages,
  type SortedFilter,
} from './workload.js';

/** The requests of a load that have something in common. */
export interface Share extends Summary {
  readonly name: string;
}

export interface Mix {
  /** Requests a second. */
  readonly rate: number;
  readonly seconds: number;
  readonly total: Summary;
  readonly shares: readonly Share[];
  /** The kinds of page (filter, sort, order, depth) with the highest medians. */
  readonly slowest: readonly Share[];
  readonly faults: Readonly<Record<string, number>>;
}

export interface Latency {
  /** What one index holds: no filter, a category, a price range in the order of the price. */
  readonly indexed: Mix;
  /** A price range in another order. */
  readonly across: Mix;
}

const RATE = 200;
/** Some of these cost ten times what the others do: at the full rate they would measure each other. */
const ACROSS_RATE = 50;
const WARM_UP_SECONDS = 5;
const SLOWEST = 3;

/** Requests at a constant rate, none of which a cache can answer. */
export async function measureLatency(
  testbed: Testbed,
  catalogue: Catalogue,
  seconds: number,
  say: (line: string) => void,
): Promise<Latency> {
  say('latency: looking for the pages to ask for');
  const indexed = await kindsOf(catalogue, await indexedFilters(catalogue));
  const across = await kindsOf(catalogue, await acrossFilters(catalogue));

  const replica = await testbed.startReplica(EMPTY_CACHES);
  const measureMix = async (kinds: PageRow[][], rate: number): Promise<Mix> => {
    say(`latency: ${rate} requests/s for ${seconds} s over ${kinds.length} kinds of page`);
    const load = { urls: [replica.url], rate, next: drawing(kinds) };
    await sendLoad({ ...load, seconds: Math.min(WARM_UP_SECONDS, seconds) });
    const samples = (await sendLoad({ ...load, seconds })).map(uncached);
    return {
      rate,
      seconds,
      total: summarise(samples),
      shares: shares(samples, new Set(kinds.flat().map(({ filter }) => filter))),
      slowest: slowest(samples),
      faults: faults(samples),
    };
  };
  const latency = {
    indexed: await measureMix(indexed, RATE),
    across: await measureMix(across, ACROSS_RATE),
  };
  await replica.stop();
  return latency;
}

/** Pages of all listings, grouped by kind. */
export async function kindsOf(
  catalogue: Catalogue,
  listings: readonly SortedFilter[],
): Promise<PageRow[][]> {
  const kinds: PageRow[][] = [];
  for (const { filter, sorts } of listings) {
    for (const sort of sorts) {
      kinds.push(...(await listedPages(catalogue, filter, sort)));
    }
  }
  return kinds;
}

function shares(samples: readonly Sample<PageRow>[], filters: ReadonlySet<string>): Share[] {
  const dimensions: Record<string, [Iterable<unknown>, (page: PageRow) => unknown]> = {
    filter: [filters, ({ filter }) => filter],
    sort: [SORTS, ({ sort }) => sort],
    order: [ORDERS, ({ order }) => order],
    page: [DEPTHS, ({ depth }) => depth],
    limit: [new Set(LIMITS), ({ limit }) => limit],
  };
  return Object.entries(dimensions).flatMap(([dimension, [values, valueOf]]) =>
    [...values].flatMap((value) => {
      const part = samples.filter(({ request }) => valueOf(request) === value);
      return part.length === 0
        ? []
        : [{ name: `${dimension}: ${String(value)}`, ...summarise(part) }];
    }),
  );
}

function slowest(samples: readonly Sample<PageRow>[]): Share[] {
  const kinds = new Map<string, Sample<PageRow>[]>();
  for (const sample of samples) {
    const { filter, sort, order, depth } = sample.request;
    const name = `${filter}; sort=${sort}&order=${order}, ${depth}`;
    const kind = kinds.get(name);
    if (kind === undefined) kinds.set(name, [sample]);
    else kind.push(sample);
  }
  return [...kinds]
    .map(([name, kind]) => ({ name, ...summarise(kind) }))
    .sort((a, b) => b.p50 - a.p50)
    .slice(0, SLOWEST);
}
