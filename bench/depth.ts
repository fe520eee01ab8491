import { Agent } from 'node:http';

import { DEFAULT_LIMIT } from '../src/products/listing.js';
import { ORDERS } from '../src/products/sort.js';
import type { Catalogue } from './catalogue.js';
import { measure, type Sample, uncached } from './sample.js';
import { faults, percentile } from './summary.js';
import { EMPTY_CACHES, type Testbed } from './testbed.js';
import { indexedFilters, type PageRow, listedPages } from './workload.js';

/** The two ends of a listing; medians in milliseconds. */
export interface Comparison {
  readonly filter: string;
  readonly sort: string;
  readonly order: string;
  readonly first: number;
  readonly deepest: number;
  readonly ratio: number;
}

export interface Depth {
  /** How often each page was asked for. */
  readonly rounds: number;
  readonly comparisons: readonly Comparison[];
  readonly faults: Readonly<Record<string, number>>;
}

const WARM_UP_ROUNDS = 10;
/** A round of all listings takes about a quarter of a second. */
const ROUNDS_PER_SECOND = 4;
const MOST_ROUNDS = 200;

/**
 * The first and the deepest page of each listing, one request at a time, in turns: whatever the machine
 * does meanwhile, it does to both.
 */
export async function measureDepth(
  testbed: Testbed,
  catalogue: Catalogue,
  seconds: number,
  say: (line: string) => void,
): Promise<Depth> {
  const rounds = Math.min(MOST_ROUNDS, ROUNDS_PER_SECOND * seconds);
  say('depth: looking for the ends of each listing');
  const pairs = await endsOf(catalogue);

  say(`depth: first and deepest page of ${pairs.length} listings, ${rounds} times each`);
  const replica = await testbed.startReplica(EMPTY_CACHES);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask = async (page: PageRow) =>
    uncached(await measure(replica.url, page, agent, performance.now()));
  const comparisons: Comparison[] = [];
  const samples: Sample[] = [];
  for (const [first, deepest] of pairs) {
    const ofFirst: Sample[] = [];
    const ofDeepest: Sample[] = [];
    for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
      const [one, other] = [await ask(first), await ask(deepest)];
      if (round >= 0) {
        ofFirst.push(one);
        ofDeepest.push(other);
      }
    }
    samples.push(...ofFirst, ...ofDeepest);
    const { filter, sort, order } = first;
    const medians = { first: median(ofFirst), deepest: median(ofDeepest) };
    const ratio = Math.round((100 * medians.deepest) / medians.first) / 100;
    comparisons.push({ filter, sort, order, ...medians, ratio });
  }
  agent.destroy();
  await replica.stop();
  return { rounds, comparisons, faults: faults(samples) };
}

/** The first and the deepest page of every listing that has more than one, of the usual length. */
async function endsOf(catalogue: Catalogue): Promise<[PageRow, PageRow][]> {
  const pairs: [PageRow, PageRow][] = [];
  for (const { filter, sorts } of await indexedFilters(catalogue)) {
    for (const sort of sorts) {
      const pages = (await listedPages(catalogue, filter, sort))
        .flat()
        .filter(({ limit }) => limit === DEFAULT_LIMIT);
      for (const order of ORDERS) {
        const end = (depth: string) =>
          pages.find((page) => page.order === order && page.depth === depth);
        const [first, deepest] = [end('first'), end('deepest')];
        if (first && deepest) pairs.push([first, deepest]);
      }
    }
  }
  return pairs;
}

function median(samples: readonly Sample[]): number {
  const latencies = samples.map(({ latency }) => latency).sort((a, b) => a - b);
  return percentile(latencies, 0.5);
}
