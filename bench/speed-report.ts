import { atLeast, atMost, GOAL_HEAD, met } from './goals.js';
import { drawLinePlot } from './line-plot.js';
import { type CurveLoad, type Part, PARTS } from './load-curve.js';
import type { Generated } from './load-generator.js';
import type { Machine } from './machine.js';
import { ms, table, thousands } from './markdown.js';
import { POOL_SIZES } from './pool-size.js';
import type { Profile } from './profile.js';
import type { Speed } from './speed.js';
import { CONNECTIONS } from './speed-setting.js';
import { median } from './summary.js';
import type { Turn } from './turns.js';

export interface SpeedReport extends Speed {
  readonly date: string;
  readonly machine: Machine;
  readonly rows: number;
}

/** What is wanted of the service. */
const GOALS = {
  cachedOfBare: 0.5,
  cachedOfExpress: 5,
  unchangedOfService: 1,
  uncachedOfDirect: 0.85,
  uncachedOfExpress: 3,
  /** Milliseconds, at half of the capacity. */
  p99: 25,
  hotKey: 1.5,
  startMs: 1500,
  memoryMb: 200,
  /** Of the last tenth of the time to the second. */
  growth: 1.05,
};

/** The file of {@link toPlot}, beside the table. */
export const PLOT = 'latency-against-load.svg';

export function toMarkdown(report: SpeedReport): string {
  const { date, machine, rows, generator, seconds } = report;
  const { cores, memoryGiB, node, postgresql } = machine;
  return [
    '# Speed',
    [
      `${thousands(rows)} products; ${cores} cores and ${memoryGiB} GiB shared by one process of the service, what it is`,
      `compared with, PostgreSQL, Redis and the load; Node ${node}, PostgreSQL ${postgresql}; ${date}. Loads are sent by`,
      `${generator} over ${CONNECTIONS} connections for ${seconds} s each, in turns; ratios are the medians of those of the turns.`,
      'Everything is on: a log line for each request in a file, the limit counted in Redis, metrics, all headers.',
      'To repeat it: `npm run bench -- speed`.',
    ].join('\n'),
    goalTable(report),
    ...cachedSection(report),
    ...uncachedSection(report),
    ...poolSection(report),
    ...curveSection(report),
    ...hotKeySection(report),
    ...profileSection(report),
    ...restSection(report),
  ]
    .join('\n\n')
    .concat('\n');
}

export function toPlot({ curve: { turns } }: SpeedReport): string {
  const parts = Object.keys(PARTS) as Part[];
  const percentile = (of: 'p50' | 'p95' | 'p99') =>
    parts.map((part) => medianOf(turns, part, (load) => load[of]));
  return drawLinePlot({
    title: 'Latency against load, empty caches',
    xs: parts.map((part) => ({
      at: PARTS[part],
      label: `${part} (${thousands(medianOf(turns, part, ({ rate }) => rate))})`,
    })),
    xLabel: 'part of the capacity (requests a second)',
    yLabel: 'milliseconds',
    series: [
      { name: 'P50', values: percentile('p50') },
      { name: 'P95', values: percentile('p95') },
      { name: 'P99', values: percentile('p99') },
    ],
    limit: { value: GOALS.p99, label: `goal for P99 at half of the capacity` },
  }).concat('\n');
}

function goalTable({ cached, uncached, curve, hotKey, starts, memory }: SpeedReport): string {
  const { queries, refreshes } = hotKey;
  return table(GOAL_HEAD, [
    atLeast(
      'cached page, of bare Fastify sending the same bytes',
      ratio(cached.turns, 'service', 'bare'),
      GOALS.cachedOfBare,
    ),
    atLeast(
      'the same, each request from another client',
      ratio(cached.turns, 'clients', 'bare'),
      GOALS.cachedOfBare,
    ),
    atLeast(
      'cached page, times Express',
      ratio(cached.turns, 'service', 'express'),
      GOALS.cachedOfExpress,
    ),
    atLeast(
      '304 on a matching ETag, of the 200',
      ratio(cached.turns, 'unchanged', 'service'),
      GOALS.unchangedOfService,
    ),
    atLeast(
      'uncached page, of bare Fastify with the same statement',
      ratio(uncached, 'service', 'direct'),
      GOALS.uncachedOfDirect,
    ),
    atLeast(
      'uncached page, times Express',
      ratio(uncached, 'service', 'express'),
      GOALS.uncachedOfExpress,
    ),
    atMost(
      'P99 of all kinds of page with empty caches, at half of the capacity',
      medianOf(curve.turns, '50 %', ({ p99 }) => p99),
      GOALS.p99,
      ' ms',
    ),
    [
      'queries for a page that expires every second under full load',
      `≤ ${refreshes}: one a refresh`,
      String(queries),
      met(queries <= refreshes),
    ],
    atMost('its P99, of one that lasts', hotKeyRatio(hotKey.turns), GOALS.hotKey),
    atMost('start to ready', median(starts), GOALS.startMs, ' ms'),
    atMost('memory under full load', memory.max, GOALS.memoryMb, ' MB'),
    atMost('its last minute, of the second', growth(memory.tenths), GOALS.growth),
  ]);
}

function cachedSection({ cached: { bytes, turns } }: SpeedReport): string[] {
  return [
    '## A cached page',
    [
      `Answers a second, of one page of ${thousands(bytes)} bytes: bare Fastify that has the bytes at hand; the service;`,
      'the service behind a proxy, each request from another client, whose limit of 300 is counted in Redis; its 304 on a',
      'matching `If-None-Match`; Express with pg and ioredis (`bench/baselines/`).',
    ].join('\n'),
    table(
      ['turn', 'bare Fastify', 'service', 'of it', 'many clients', 'of it', '304', 'Express'],
      turns.map(({ bare, service, clients, unchanged, express }, nth) => [
        nth + 1,
        thousands(bare.rate),
        thousands(service.rate),
        (service.rate / bare.rate).toFixed(2),
        thousands(clients.rate),
        (clients.rate / bare.rate).toFixed(2),
        thousands(unchanged.rate),
        thousands(express.rate),
      ]),
    ),
  ];
}

function uncachedSection({ uncached }: SpeedReport): string[] {
  return [
    '## An uncached page',
    [
      'Answers a second, of any page of 20 products: Fastify with pg and the same statement, which makes JSON of the rows',
      'and does nothing else; the service, which also asks Redis, takes its lock and stores the page; Express.',
    ].join('\n'),
    table(
      ['turn', 'Fastify and pg', 'service', 'of it', 'Express'],
      uncached.map(({ direct, service, express }, nth) => [
        nth + 1,
        thousands(direct.rate),
        thousands(service.rate),
        (service.rate / direct.rate).toFixed(2),
        thousands(express.rate),
      ]),
    ),
  ];
}

function poolSection({ poolSizes }: SpeedReport): string[] {
  return [
    '## The pool of connections',
    'Uncached pages with as many connections to PostgreSQL at most (`DATABASE_POOL_MAX`); medians of the turns.',
    table(
      ['connections', 'answers a second', 'P50, ms', 'P99, ms'],
      POOL_SIZES.map((size) => [
        size,
        thousands(medianOf(poolSizes, size, ({ rate }) => rate)),
        ms(medianOf(poolSizes, size, ({ p50 }) => p50)),
        ms(medianOf(poolSizes, size, ({ p99 }) => p99)),
      ]),
    ),
  ];
}

function profileSection({ profiles }: SpeedReport): string[] {
  const list = (profile: Profile) =>
    table(
      ['percent', 'spent in'],
      profile.map(({ name, part }) => [(100 * part).toFixed(1), `\`${name}\``]),
    );
  if (profiles === undefined) {
    return [];
  }
  return [
    '## Where the time goes',
    [
      'Percent of the time that the process is busy, in a function of JavaScript and in what of V8 and of Node it calls, but not',
      'in the functions of JavaScript that it calls; what it has the system do stands apart. `(Node)` is what it does before',
      'and after all JavaScript. perf samples it a thousand times a second.',
    ].join('\n'),
    'A cached page:',
    list(profiles.cached),
    'An uncached page:',
    list(profiles.uncached),
  ];
}

function curveSection({ curve: { kinds, turns } }: SpeedReport): string[] {
  const row = (load: CurveLoad) => {
    const of = (value: (generated: Generated) => number) => medianOf(turns, load, value);
    return [
      load,
      thousands(of(({ rate }) => rate)),
      ...[of(({ p50 }) => p50), of(({ p95 }) => p95), of(({ p99 }) => p99)].map(ms),
      ...[of(({ max }) => max), of(({ late }) => late)].map(ms),
    ];
  };
  return [
    '## Latency against load',
    [
      `${kinds} kinds of page (filters, sorts, orders and depths; price ranges under another sort stand in scale.md) equally`,
      'often, all read from PostgreSQL. First as many requests as are answered, which is the capacity; then a part of it at a constant',
      'rate, whatever becomes of the answers. Milliseconds; medians of the turns. A request is late by the time for which',
      'all of its 256 connections were busy.',
    ].join('\n'),
    `![Latency against load](${PLOT})`,
    table(
      ['load', 'requests a second', 'P50', 'P95', 'P99', 'max', 'latest'],
      [...(Object.keys(PARTS) as Part[]).map(row), row('capacity')],
    ),
  ];
}

function hotKeySection({ hotKey: { ttl, turns, queries, refreshes } }: SpeedReport): string[] {
  return [
    '## A page that everyone wants, expiring',
    [
      `One page under full load that lasts, and one that is fresh for ${ttl} ms. In all turns PostgreSQL was asked for it`,
      `${queries} times, where it had to be refreshed ${refreshes} times at most.`,
    ].join('\n'),
    table(
      ['turn', 'lasting, a second', 'P99, ms', 'expiring, a second', 'P99, ms', 'of it'],
      turns.map(({ lasting, expiring }, nth) => [
        nth + 1,
        thousands(lasting.rate),
        lasting.p99,
        thousands(expiring.rate),
        expiring.p99,
        (expiring.p99 / lasting.p99).toFixed(2),
      ]),
    ),
  ];
}

function restSection({ starts, memory }: SpeedReport): string[] {
  const { seconds, load, atStart, tenths, max } = memory;
  return [
    '## Start and memory',
    `Ready after ${starts.join(', ')} ms, with PostgreSQL and Redis up.`,
    [
      `Under full load for ${seconds} s, ${thousands(load.rate)} pages a second of which four of five are popular ones, a process`,
      `needs ${max} MB at most; ${atStart} MB when it is ready. Medians of the tenths of the time, MB:`,
    ].join('\n'),
    table(
      tenths.map((_, nth) => String(nth + 1)),
      [tenths],
    ),
  ];
}

function ratio<Name extends string>(turns: readonly Turn<Name>[], of: Name, to: Name): number {
  return hundredths(median(turns.map((turn) => turn[of].rate / turn[to].rate)));
}

function hotKeyRatio(turns: readonly Turn<'lasting' | 'expiring'>[]): number {
  return hundredths(median(turns.map(({ lasting, expiring }) => expiring.p99 / lasting.p99)));
}

/** How much more memory it is in the end than when it was warm. */
function growth(tenths: readonly number[]): number {
  return hundredths((tenths.at(-1) ?? NaN) / (tenths[1] ?? NaN));
}

function medianOf<Name extends string>(
  turns: readonly Turn<Name>[],
  load: Name,
  value: (generated: Generated) => number,
): number {
  return median(turns.map((turn) => value(turn[load])));
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}
