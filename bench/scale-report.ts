import { atMost, GOAL_HEAD } from './goals.js';
import type { Machine } from './machine.js';
import { ms, table, thousands } from './markdown.js';
import { depthSection, latencySection } from './report.js';
import type { Scale, ScaleLoad, Size } from './scale.js';
import { median } from './summary.js';

export interface ScaleReport extends Scale {
  readonly date: string;
  readonly machine: Machine;
}

/** What is wanted of the service. */
const GOALS = {
  /** Milliseconds, of the small catalogue at half of the capacity. */
  p99: 25,
  /** Of the large catalogue, times the small one's. */
  p99Ratio: 1.3,
  acrossRatio: 4,
  deepestOfFirst: 1.2,
};

const LOADS: readonly (readonly [string, ScaleLoad, ScaleLoad])[] = [
  ['as many as are answered', 'small capacity', 'large capacity'],
  ['half of that, at a constant rate', 'small', 'large'],
  ['price ranges under another sort, at a constant rate', 'small across', 'large across'],
];

export function scaleMarkdown(report: ScaleReport): string {
  const { date, machine, generator, seconds, small, large, memory } = report;
  const { cores, memoryGiB, node, postgresql } = machine;
  const sizes = `${thousands(small.rows)} and ${thousands(large.rows)}`;
  return [
    '# Ten times as many products',
    [
      `${sizes} products; ${cores} cores and ${memoryGiB} GiB shared by one process of the service, PostgreSQL (with its`,
      `default of 128 MB for shared buffers), Redis and the load; Node ${node}, PostgreSQL ${postgresql}; ${date}. Loads are`,
      `sent by ${generator} for ${seconds} s each, to both catalogues in turns, with empty caches; ratios are the medians`,
      'of those of the turns. To repeat it: `npm run bench -- scale`.',
    ].join('\n'),
    goalTable(report),
    '## Loads',
    'Kinds of page (filter, sort, order, depth) come equally often. Milliseconds; medians of the turns.',
    loadTable(report),
    '## What it takes',
    sizeTable(small, large),
    `A replica occupies ${memory.small} and ${memory.large} MiB after the loads.`,
    `# The listing of ${thousands(large.rows)} products`,
    ...latencySection(report.latency),
    ...depthSection(report.depth),
  ]
    .join('\n\n')
    .concat('\n');
}

function goalTable(report: ScaleReport): string {
  const { turns, depth } = report;
  const ratio = (of: 'p50' | 'p99', kind: '' | ' across') =>
    hundredths(median(turns.map((turn) => turn[`large${kind}`][of] / turn[`small${kind}`][of])));
  return table(GOAL_HEAD, [
    atMost(
      'P99 at half of the capacity',
      median(turns.map(({ small }) => small.p99)),
      GOALS.p99,
      ' ms',
    ),
    atMost('the same with ten times as many rows, times that', ratio('p99', ''), GOALS.p99Ratio),
    atMost(
      'deepest page of the first, with ten times as many rows',
      Math.max(...depth.comparisons.map((comparison) => comparison.ratio)),
      GOALS.deepestOfFirst,
    ),
    atMost('price range under another sort, P50', ratio('p50', ' across'), GOALS.acrossRatio),
    atMost('the same, P99', ratio('p99', ' across'), GOALS.acrossRatio),
  ]);
}

function loadTable({ turns, small, large }: ScaleReport): string {
  return table(
    ['load', 'products', 'requests a second', 'P50', 'P95', 'P99', 'max'],
    LOADS.flatMap(([what, ofSmall, ofLarge]) =>
      [
        { load: ofSmall, rows: small.rows },
        { load: ofLarge, rows: large.rows },
      ].map(({ load, rows }) => {
        const of = (name: 'rate' | 'p50' | 'p95' | 'p99' | 'max') =>
          median(turns.map((turn) => turn[load][name]));
        return [
          what,
          thousands(rows),
          thousands(of('rate')),
          ...[of('p50'), of('p95'), of('p99'), of('max')].map(ms),
        ];
      }),
    ),
  );
}

function sizeTable(small: Size, large: Size): string {
  const parts = Object.keys(large.bytes);
  const sum = ({ bytes }: Size) => Object.values(bytes).reduce((a, b) => a + b, 0);
  return table(
    ['', thousands(small.rows), thousands(large.rows)],
    [
      ...parts.map((name) => [
        name.startsWith('the ') ? `${name}, MB` : `\`${name}\`, MB`,
        ...[small, large].map(({ bytes }) => megabytes(bytes[name] ?? 0)),
      ]),
      ['all, MB', megabytes(sum(small)), megabytes(sum(large))],
      ['seed, s', small.seedSeconds ?? 'unknown', large.seedSeconds ?? 'unknown'],
    ],
  );
}

function megabytes(bytes: number): string {
  return thousands(Math.round(bytes / 1e6));
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}
