import { Load, type Outcome } from '../../load/load.js';
import * as mix from '../../page-mix.js';
import { atMost, type Cell, type Findings, never } from '../../report/report.js';
import { latencyCells, LATENCY_HEAD, thousands } from '../../report/report.js';
import { faultsOf, groupBy, latencyOf, totalOf } from '../../statistics.js';
import type { Bench } from '../../suite.js';
import { EMPTY_CACHES } from '../../testbed.js';

const RATE = 200;
/** Lower, because some of these pages cost ten times as much and would delay each other. */
const UNINDEXED_RATE = 50;
const WARM_UP_SECONDS = 5;
const SLOWEST_KINDS = 3;

type Pages = readonly Outcome<mix.MixedPage>[];

/** Every kind of page at a constant rate, each read from PostgreSQL. */
export async function measureLatency(bench: Bench): Promise<Findings> {
  const { testbed, catalog, seconds } = bench;
  const indexed = await mix.indexedFilters(catalog);
  const unindexed = await mix.unindexedFilters(catalog);
  const replica = await testbed.startReplica(EMPTY_CACHES);
  const pages = await measureMix(bench, replica.url, indexed, RATE);
  const unindexedPages = await measureMix(bench, replica.url, unindexed, UNINDEXED_RATE);
  await testbed.stopReplicas();
  const faults = totalOf(faultsOf([...pages, ...unindexedPages]));
  return {
    goals: [
      never('wrong or missing pages', faults),
      atMost(200, ' ms', `pages with empty caches at ${RATE}/s, P95`, latencyOf(pages).p95),
    ],
    sections: [
      {
        title: `Empty caches, ${RATE} requests/s for ${seconds} s`,
        text: 'Every page is read from PostgreSQL. All kinds of page (filter, sort, order, depth) are equally frequent. One index contains each listing.',
        ...mixTable(pages),
      },
      {
        title: `Price ranges under another sort, ${UNINDEXED_RATE} requests/s for ${seconds} s`,
        text: 'No index contains these listings. Their cost grows with the square root of limit × products, and further where the price correlates with the sort, as it does with the name.',
        ...mixTable(unindexedPages),
      },
    ],
  };
}

async function measureMix(
  { catalog, seconds, log }: Bench,
  url: string,
  filters: readonly mix.SortedFilter[],
  rate: number,
): Promise<Pages> {
  const kinds = await mix.kindsOf(catalog, filters);
  log(`latency: ${rate} requests/s for ${seconds} s, ${kinds.length} kinds of page`);
  const load = { url, rate, next: mix.picking(kinds) };
  await new Load({ ...load, seconds: Math.min(WARM_UP_SECONDS, seconds) }).finished();
  return await new Load({ ...load, seconds }).finished();
}

function mixTable(pages: Pages) {
  const row = (name: string, group: Pages): Cell[] => {
    const errors = totalOf(faultsOf(group));
    return [name, thousands(group.length), errors, ...latencyCells(latencyOf(group))];
  };
  const keys = ['filter', 'sort', 'order', 'depth', 'limit'] as const;
  const groupRows = keys.flatMap((key) =>
    [...groupBy(pages, ({ request }) => String(request[key]))]
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([value, group]) => row(`${key}: ${value}`, group)),
  );
  const kindOf = ({ request: { filter, sort, order, depth } }: Pages[number]) =>
    [filter, sort, order, depth].join(', ');
  const slowestRows = [...groupBy(pages, kindOf)]
    .sort(([, a], [, b]) => latencyOf(b).p50 - latencyOf(a).p50)
    .slice(0, SLOWEST_KINDS)
    .map(([name, kind]) => row(`slowest kind: ${name}`, kind));
  return {
    head: `pages | requests | errors | ${LATENCY_HEAD}`,
    rows: [row('**all**', pages), ...groupRows, ...slowestRows],
    faults: faultsOf(pages),
  };
}
