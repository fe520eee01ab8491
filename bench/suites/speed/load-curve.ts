import { alternate, medianTable, medianThroughput } from '../../alternating-runs.js';
import type { Throughput } from '../../load/sender-process.js';
import { indexedFilters } from '../../page-mix.js';
import { drawLinePlot } from '../../report/line-plot.js';
import { atMost, type Findings, thousands } from '../../report/report.js';
import type { Bench } from '../../suite.js';
import { startUncachedLoads } from '../../uncached-loads.js';
import { loadSeconds } from './throughput.js';

/** Offered load as a part of the capacity. */
const PARTS = [0.1, 0.25, 0.5, 0.75, 0.9];
const P99_MS = 25;

/** Latency of all kinds of page, each read from PostgreSQL, at several constant rates. */
export async function measureLoadCurve(bench: Bench): Promise<Findings> {
  const { testbed, catalog, seconds, log } = bench;
  const prepare = await startUncachedLoads(bench, loadSeconds(seconds));
  const mix = await prepare(await indexedFilters(catalog));
  const loads: Record<string, () => Promise<Throughput>> = { capacity: mix.measureCapacity };
  for (const part of PARTS) loads[nameOf(part)] = () => mix.atPartOfCapacity(part);
  const rounds = await alternate('load curve', loads, log);
  await testbed.stopReplicas();

  const at = (part: number) => medianThroughput(rounds, nameOf(part));
  const series = (['p50', 'p95', 'p99'] as const).map((percentile) => ({
    name: percentile.toUpperCase(),
    values: PARTS.map((part) => at(part).latency[percentile]),
  }));
  const svg = drawLinePlot({
    title: 'Latency against load, empty caches',
    xs: PARTS.map((x) => ({ at: x, label: `${nameOf(x)} (${thousands(at(x).perSecond)})` })),
    ...{ xLabel: 'part of the capacity (requests/s)', yLabel: 'ms', series },
    limit: { value: P99_MS, label: 'goal for P99 at half of the capacity' },
  });
  const { p99 } = at(0.5).latency;
  return {
    goals: [atMost(P99_MS, ' ms', 'uncached pages at half of the capacity, P99', p99)],
    sections: [
      {
        title: 'Latency against load',
        text: `${mix.kinds} kinds of page (filter, sort, order, depth), equally frequent, all read from PostgreSQL. The capacity is what a closed loop reaches. The other loads have a constant rate; their latency counts from when a request was due. Medians of the rounds.`,
        plot: { file: 'latency-against-load.svg', svg },
        ...medianTable(rounds),
      },
    ],
  };
}

function nameOf(part: number): string {
  return `${100 * part} %`;
}
