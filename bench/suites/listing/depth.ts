import { DEFAULT_LIMIT } from '../../../src/products/listing.js';
import { Load } from '../../load/load.js';
import { indexedFilters, kindsOf, type MixedPage } from '../../page-mix.js';
import { atMost, type Findings, ms } from '../../report/report.js';
import { faultsOf, groupBy, latencyOf, median } from '../../statistics.js';
import type { Bench } from '../../suite.js';
import { EMPTY_CACHES } from '../../testbed.js';

const WARM_UP_ROUNDS = 10;
/** A round takes about a quarter of a second over all listings. */
const ROUNDS_PER_SECOND = 4;
const MAX_ROUNDS = 200;

/** The deepest page of each listing compared with its first, one request at a time, alternating. */
export async function measureDepth({ testbed, catalog, seconds, log }: Bench): Promise<Findings> {
  const rounds = Math.min(MAX_ROUNDS, ROUNDS_PER_SECOND * seconds);
  const pairs = endsOf(await kindsOf(catalog, await indexedFilters(catalog)));
  log(`depth: first and deepest page of ${pairs.length} listings, ${rounds} times each`);
  const { url } = await testbed.startReplica(EMPTY_CACHES);
  const comparisons = [];
  for (const [page, deepest] of pairs) {
    const requests = Array.from({ length: WARM_UP_ROUNDS + rounds }, () => [page, deepest]).flat();
    const queue = requests.values();
    const load = new Load({ url, connections: 1, next: () => queue.next().value });
    const outcomes = (await load.finished()).slice(2 * WARM_UP_ROUNDS);
    const p50 = (of: MixedPage) => latencyOf(outcomes.filter(({ request }) => request === of)).p50;
    comparisons.push({ page, first: p50(page), deepest: p50(deepest), outcomes });
  }
  await testbed.stopReplicas();
  const ratios = comparisons.map(({ first, deepest }) => deepest / first);
  return {
    goals: [
      atMost(1.2, '', 'deepest page divided by first, P50, highest of all', Math.max(...ratios)),
      atMost(1.2, '', 'deepest page divided by first, P50, median of all', median(ratios)),
    ],
    sections: [
      {
        title: 'The deepest page compared with the first',
        text: `P50 of ${rounds} requests for each page of ${DEFAULT_LIMIT} products, one at a time, alternating, with empty caches.`,
        head: 'filter | sort | order | first, ms | deepest, ms | ratio',
        rows: comparisons.map(({ page: { filter, sort, order }, first, deepest }) => [
          ...[filter, sort, order],
          ...[ms(first), ms(deepest), (deepest / first).toFixed(2)],
        ]),
        faults: faultsOf(comparisons.flatMap(({ outcomes }) => outcomes)),
      },
    ],
  };
}

/** The first and the deepest page of every listing that has more than one page. */
function endsOf(kinds: readonly (readonly MixedPage[])[]): (readonly [MixedPage, MixedPage])[] {
  const pages = kinds.flatMap((kind) => kind.find(({ limit }) => limit === DEFAULT_LIMIT) ?? []);
  const listings = groupBy(pages, ({ filter, sort, order }) => [filter, sort, order].join());
  return [...listings.values()].flatMap((listing) => {
    const first = listing.find(({ depth }) => depth === 'first');
    const deepest = listing.find(({ depth }) => depth === 'deepest');
    return first && deepest ? [[first, deepest] as const] : [];
  });
}
