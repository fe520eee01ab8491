import type { Comparison, Depth } from './depth.js';
import type { Latency, Mix } from './latency.js';
import type { Machine } from './machine.js';
import { faultList, ms, SUMMARY_HEAD, summaryRow, table, thousands } from './markdown.js';
import type { RedisOutage } from './redis-outage.js';

/** All that a run has found out; a case that was not run is absent. */
export interface Report {
  readonly date: string;
  readonly machine: Machine;
  readonly rows: number;
  readonly latency?: Latency;
  readonly depth?: Depth;
  readonly redisOutage?: RedisOutage;
}

export function toMarkdown({ date, machine, rows, ...cases }: Report): string {
  const { latency, depth, redisOutage } = cases;
  const { cores, memoryGiB, node, postgresql } = machine;
  return [
    '# The listing under load',
    [
      `${thousands(rows)} products; ${cores} cores and ${memoryGiB} GiB shared by the service, PostgreSQL, Redis`,
      `and the load; Node ${node}, PostgreSQL ${postgresql}; ${date}. Times are milliseconds. Requests are sent`,
      'at a constant rate whatever becomes of the answers, and measured from when they were due.',
      'An error is any answer but the right number of products with the right next page.',
    ].join('\n'),
    ...(latency ? latencySection(latency) : []),
    ...(depth ? depthSection(depth) : []),
    ...(redisOutage ? outageSection(redisOutage) : []),
  ]
    .join('\n\n')
    .concat('\n');
}

export function latencySection({ indexed, across }: Latency): string[] {
  return [
    `## Empty caches, ${indexed.rate} requests/s for ${indexed.seconds} s`,
    'Every request is read from PostgreSQL. All kinds of page (filter, sort, order, depth) come equally often.',
    mixTable(indexed),
    `## The same for a price range under another sort, ${across.rate} requests/s for ${across.seconds} s`,
    'No index holds these pages. They cost about the root of limit × rows, and more where the price hangs together with the order asked for, as it does with the name.',
    mixTable(across),
  ];
}

function mixTable({ total, shares, slowest, faults }: Mix): string {
  return (
    table(
      ['pages', ...SUMMARY_HEAD],
      [
        summaryRow('**all**', total),
        ...shares.map((share) => summaryRow(share.name, share)),
        ...slowest.map((share) => summaryRow(`slowest kind: ${share.name}`, share)),
      ],
    ) + faultList(faults)
  );
}

export function depthSection({ rounds, comparisons, faults }: Depth): string[] {
  const ratios = comparisons.map(({ ratio }) => ratio).sort((a, b) => a - b);
  const row = ({ filter, sort, order, first, deepest, ratio }: Comparison) => [
    filter,
    sort,
    order,
    ms(first),
    ms(deepest),
    ratio.toFixed(2),
  ];
  return [
    '## The deepest page against the first',
    `Medians of ${rounds} requests for each, in turns, of 20 products, with empty caches. The highest ratio is ${String(ratios.at(-1)?.toFixed(2))}, the median ${String(ratios[Math.floor(ratios.length / 2)]?.toFixed(2))}.`,
    table(['filter', 'sort', 'order', 'first', 'deepest', 'ratio'], comparisons.map(row)) +
      faultList(faults),
  ];
}

function outageSection(outage: RedisOutage): string[] {
  const { rate, seconds, sharedAgainAfter, faults } = outage;
  return [
    `## Redis killed, ${rate} requests/s for ${seconds} s`,
    'Two replicas, caches as they are by default; four requests of five are for one of 100 popular pages. Redis is killed after a third of the time and started again, empty, after two.',
    table(
      ['Redis', ...SUMMARY_HEAD],
      [
        summaryRow('up', outage.before),
        summaryRow('killed', outage.during),
        summaryRow('back', outage.after),
      ],
    ) + faultList(faults),
    sharedAgainAfter === undefined
      ? 'No replica had a page from the other after the return.'
      : `${sharedAgainAfter.toFixed(2)} s after the return a replica had a page from the other.`,
  ];
}
