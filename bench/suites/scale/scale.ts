import { alternate, medianOf, medianTable, medianThroughput } from '../../alternating-runs.js';
import { Catalog } from '../../catalog.js';
import { indexedFilters, unindexedFilters } from '../../page-mix.js';
import { atMost, combine, type Findings, thousands } from '../../report/report.js';
import type { Bench, Suite } from '../../suite.js';
import type { Testbed } from '../../testbed.js';
import { startUncachedLoads } from '../../uncached-loads.js';
import { measureDepth } from '../listing/depth.js';
import { measureLatency } from '../listing/latency.js';

/** The large catalog has so many times as many products. */
const FACTOR = 10;
/** The part of `--seconds` that each load lasts. */
const PART = 1 / 6;
const UNINDEXED_RATE = 50;

export const scale: Suite = {
  summary: 'the listing with ten times as many products',
  minutes: 45,
  run: async (bench) => {
    const { testbed, log } = bench;
    log(`scale: loading ${testbed.rows * FACTOR} products, about half an hour the first time`);
    const large = await testbed.resized(testbed.rows * FACTOR);
    const largeBench = { ...bench, testbed: large, catalog: new Catalog(large) };
    return {
      title: 'Ten times as many products',
      method:
        'Both catalogs get the same loads, alternating, with empty caches. PostgreSQL has its default of 128 MB of shared buffers. The tables after the first two are about the large catalog.',
      ...combine(
        await compare(bench, largeBench),
        await measureLatency(largeBench),
        await measureDepth(largeBench),
      ),
    };
  },
};

async function compare(small: Bench, large: Bench): Promise<Findings> {
  const [ofSmall, ofLarge] = [await startLoads(small), await startLoads(large)];
  const loads = {
    'capacity, small': ofSmall.capacity,
    'half of the capacity, small': ofSmall.half,
    'other sort, small': ofSmall.unindexed,
    'capacity, large': ofLarge.capacity,
    'half of the capacity, large': ofLarge.half,
    'other sort, large': ofLarge.unindexed,
  };
  const rounds = await alternate('scale', loads, small.log);
  await Promise.all([small.testbed.stopReplicas(), large.testbed.stopReplicas()]);
  const ratio = (load: 'half of the capacity' | 'other sort', p: 'p50' | 'p99') =>
    medianOf(rounds, (r) => r[`${load}, large`].latency[p] / r[`${load}, small`].latency[p]);
  const { p99 } = medianThroughput(rounds, 'half of the capacity, small').latency;
  const half = 'half of the capacity, P99';
  return {
    goals: [
      atMost(25, ' ms', `${half}, small catalog`, p99),
      atMost(1.3, '', `${half}, large divided by small`, ratio('half of the capacity', 'p99')),
      atMost(4, '', 'other sort, P50, large divided by small', ratio('other sort', 'p50')),
      atMost(4, '', 'other sort, P99, large divided by small', ratio('other sort', 'p99')),
    ],
    sections: [
      {
        title: 'Loads',
        text: `All kinds of page (filter, sort, order, depth) are equally frequent. *Other sort*: price ranges under another sort at ${UNINDEXED_RATE}/s. Medians of the rounds.`,
        ...medianTable(rounds),
      },
      {
        title: 'Size',
        text: 'Storage of the catalogs.',
        head: 'products | table, GB | indexes, GB',
        rows: [await sizeRow(small.testbed), await sizeRow(large.testbed)],
      },
    ],
  };
}

async function startLoads(bench: Bench) {
  const { testbed, catalog, log } = bench;
  log(`scale: preparing requests for ${testbed.rows} products`);
  // Reads the table and its indexes into the page cache of the system.
  await testbed.query('CREATE EXTENSION IF NOT EXISTS pg_prewarm');
  await testbed.query(
    `SELECT pg_prewarm(oid, 'read') FROM pg_class WHERE oid = 'products'::regclass
     UNION ALL
     SELECT pg_prewarm(indexrelid, 'read') FROM pg_index WHERE indrelid = 'products'::regclass`,
  );
  const prepare = await startUncachedLoads(bench, Math.max(1, Math.round(bench.seconds * PART)));
  const indexed = await prepare(await indexedFilters(catalog));
  const unindexed = await prepare(await unindexedFilters(catalog));
  return {
    capacity: indexed.measureCapacity,
    half: () => indexed.atPartOfCapacity(0.5),
    unindexed: () => unindexed.atRate(UNINDEXED_RATE),
  };
}

async function sizeRow(testbed: Testbed) {
  const [size] = await testbed.query<{ data: string; indexes: string }>(
    `SELECT round(pg_table_size('products') / 1e9, 2) AS data,
            round(pg_indexes_size('products') / 1e9, 2) AS indexes`,
  );
  return [thousands(testbed.rows), size?.data ?? '', size?.indexes ?? ''];
}
