import { atLeast, GOAL_HEAD } from '../../goals.js';
import { drawLinePlot } from '../../line-plot.js';
import type { Latency, SenderResult } from '../../load/open-loop-sender.js';
import type { Machine } from '../../machine.js';
import { faultList, ms, table, thousands } from '../../markdown.js';
import { type KindResult, type Multiple, MULTIPLES, type Overload } from './overload.js';

export interface OverloadReport extends Overload {
  readonly date: string;
  readonly machine: Machine;
  readonly rows: number;
}

/** Goodput at {@link JUDGED_AT} times the capacity, divided by the capacity. */
const GOAL = 0.8;
const JUDGED_AT: Multiple = 3;

/** The file of {@link overloadPlot}, beside the report. */
export const OVERLOAD_PLOT = 'goodput-against-offered-load.svg';

export function overloadMarkdown(report: OverloadReport): string {
  const { date, machine, rows, seconds, kinds } = report;
  const { closedRuns, closedSeconds, closedConnections, openConnections } = report;
  return [
    '# Overload',
    [
      `${thousands(rows)} products; ${machine.cores} cores shared by one replica, PostgreSQL, Redis and the sender; Node`,
      `${machine.node}, PostgreSQL ${machine.postgresql}; ${date}. To repeat it: \`npm run bench -- overload\`.`,
    ].join('\n'),
    [
      `The capacity is the rate at which a closed loop of ${closedConnections} connections gets responses: the median of ${closedRuns} runs of`,
      `${closedSeconds} s after a warm-up. Then an open loop offers multiples of it for ${seconds} s each: every request is due at a fixed`,
      `time, whatever happened to those before. It is sent at once on a free connection or on a new one, up to`,
      `${thousands(openConnections)} connections; beyond that it waits in the sender. A request that is unsent at the end counts as offered only.`,
    ].join('\n'),
    [
      'Goodput: responses 2xx and 304 a second that came before the end. Refused: 503 with `Retry-After`. Fault: any other',
      'response, a broken connection, or no response within 10 s. Milliseconds from sending to the last byte of the response,',
      'except *due P99*: from when an accepted request was due, with the wait for a connection; and *connect max*: until the',
      'service accepted a connection. *Sender*: CPU microseconds of the sender for each request, and the part of one core that',
      'it used.',
    ].join('\n'),
    table(
      GOAL_HEAD,
      kinds.map((kind) =>
        atLeast(
          `${kind.name}: goodput at ${JUDGED_AT} times the capacity, divided by the capacity`,
          hundredths(goodputPart(kind, JUDGED_AT, seconds)),
          GOAL,
        ),
      ),
    ),
    `![Goodput against offered load](${OVERLOAD_PLOT})`,
    ...kinds.flatMap((kind) => kindSection(kind, seconds)),
  ]
    .join('\n\n')
    .concat('\n');
}

export function overloadPlot({ kinds, seconds }: OverloadReport): string {
  const most = Math.max(...MULTIPLES);
  return drawLinePlot({
    title: 'Goodput against offered load',
    xs: MULTIPLES.map((multiple) => ({ at: multiple / most, label: String(multiple) })),
    xLabel: 'offered load divided by the capacity',
    yLabel: 'goodput divided by the capacity',
    series: kinds.map((kind) => ({
      name: kind.name,
      values: MULTIPLES.map((multiple) => goodputPart(kind, multiple, seconds)),
    })),
    limit: { value: GOAL, label: `goal at ${JUDGED_AT} times the capacity` },
  }).concat('\n');
}

function kindSection(kind: KindResult, seconds: number): string[] {
  const { name, description, capacity, capacityAfter, loads } = kind;
  const perSecond = (count: number): string => thousands(Math.round(count / seconds));
  const row = (multiple: Multiple): (string | number)[] => {
    const load = loads[multiple];
    return [
      multiple,
      perSecond(load.offered),
      perSecond(load.sent),
      perSecond(load.acceptedInTime),
      goodputPart(kind, multiple, seconds).toFixed(2),
      perSecond(load.refused),
      thousands(faultCount(load)),
      ...latencies(load.acceptedLatency),
      orDash(load.refusedLatency.p99),
      orDash(load.dueLatency.p99),
      orDash(load.connectLatency.max),
      `${Math.round(load.cpuMicroseconds)} µs, ${load.cpuPart.toFixed(2)}`,
    ];
  };
  return [
    `## ${name[0]?.toUpperCase() ?? ''}${name.slice(1)}`,
    [
      description,
      `Capacity ${thousands(Math.round(capacity))} a second; after the overload ${thousands(Math.round(capacityAfter))}.`,
    ].join('\n'),
    table(
      [
        'times capacity',
        'offered/s',
        'sent/s',
        'goodput/s',
        'of capacity',
        'refused/s',
        'faults',
        'P50',
        'P99',
        'max',
        'refused P99',
        'due P99',
        'connect max',
        'sender',
      ],
      MULTIPLES.map(row),
    ) + faultList(allFaults(loads)),
  ];
}

/** Faults, and refusals that blame something else than too many requests. */
function allFaults(loads: KindResult['loads']): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const multiple of MULTIPLES) {
    const { faults, refusals } = loads[multiple];
    const { overloaded: _expected, ...others } = refusals;
    for (const [reason, times] of Object.entries(faults)) {
      counts[`${reason}, at ${multiple} times the capacity`] = times;
    }
    for (const [problem, times] of Object.entries(others)) {
      counts[`refused as ${problem}, at ${multiple} times the capacity`] = times;
    }
  }
  return counts;
}

function goodputPart({ capacity, loads }: KindResult, multiple: Multiple, seconds: number): number {
  return loads[multiple].acceptedInTime / seconds / capacity;
}

function faultCount({ faults }: SenderResult): number {
  return Object.values(faults).reduce((sum, times) => sum + times, 0);
}

function latencies({ p50, p99, max }: Latency): string[] {
  return [p50, p99, max].map(orDash);
}

function orDash(milliseconds: number): string {
  return Number.isNaN(milliseconds) ? '–' : ms(milliseconds);
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}
