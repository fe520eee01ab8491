import type { SenderResult } from '../../load/sender-process.js';
import { drawLinePlot } from '../../report/line-plot.js';
import { atLeast, type Cell, ms, type Section, thousands } from '../../report/report.js';
import { type Counts, totalOf } from '../../statistics.js';
import type { Suite } from '../../suite.js';
import { removeEvents } from '../../webhook-events.js';
import { availability, cachedPages, uncachedPages, webhooks } from './kinds.js';
import { type KindResult, measureKind, type Multiple, MULTIPLES } from './measure-kind.js';
import { CLOSED_CONNECTIONS, CLOSED_RUNS, OPEN_CONNECTIONS } from './measure-kind.js';

/** The part of `--seconds` that each load lasts. */
const PART = 1 / 6;
/** A shorter load hardly fills the queues of the service. */
const MIN_SECONDS = 3;
/** A longer load would need more signed events than fit into the memory of a small machine. */
const MAX_SECONDS = 10;
/** Goodput at {@link GOAL_MULTIPLE} times the capacity, divided by the capacity. */
const GOAL = 0.8;
const GOAL_MULTIPLE: Multiple = 3;

const HEAD =
  'times capacity | offered/s | sent/s | goodput/s | divided by capacity | refused/s | faults | P50, ms | P99, ms | max, ms | refused P99, ms | due P99, ms | connect max, ms | sender';

export const overload: Suite = {
  summary: 'goodput at up to five times the capacity, over 2,000 connections',
  minutes: 8,
  run: async ({ testbed, catalog, seconds: whole, log }) => {
    const seconds = Math.min(MAX_SECONDS, Math.max(MIN_SECONDS, Math.round(whole * PART)));
    const kinds: KindResult[] = [];
    for (const start of [cachedPages, uncachedPages, availability, webhooks]) {
      kinds.push(await measureKind(await start(testbed, catalog), seconds, log));
      await testbed.stopReplicas();
    }
    await removeEvents(testbed);
    const goal = `goodput at ${GOAL_MULTIPLE} times the capacity, divided by the capacity`;
    return {
      title: 'Overload',
      method: [
        `The capacity is the goodput of a closed loop of ${CLOSED_CONNECTIONS} connections: the median of ${CLOSED_RUNS} runs of ${Math.ceil(seconds / 2)} s after a warm-up. Then an open loop offers multiples of the capacity for ${seconds} s each. Each request is due at a fixed time. It is sent at once on a free or a new connection, up to ${thousands(OPEN_CONNECTIONS)} connections; beyond that it waits in the sender. A request that is still waiting at the end counts as offered only.`,
        'Goodput: responses 2xx and 304 a second that came before the end. Refused: 503 with `Retry-After`. Fault: any other response, a broken connection, or no response within 10 s. Latency counts from sending the request, except *due P99*: from when an accepted request was due. *Connect max*: until the service accepted a connection. *Sender*: CPU time of the sender for each request, and its share of one core.',
      ].join('\n\n'),
      goals: kinds.map((kind) =>
        atLeast(GOAL, '', `${kind.name}: ${goal}`, goodputRatio(kind, GOAL_MULTIPLE)),
      ),
      sections: kinds.map((kind, nth) => ({
        ...kindSection(kind, seconds),
        ...(nth === 0 ? { plot: plotOf(kinds) } : {}),
      })),
    };
  },
};

function kindSection(kind: KindResult, seconds: number): Section {
  const { name, description, capacity, capacityAfter, loads } = kind;
  const row = (multiple: Multiple): Cell[] => {
    const load = loads[multiple];
    const { p50, p99, max } = load.sentLatency;
    const rates = [multiple * capacity, load.sent / seconds, load.perSecond];
    return [
      ...[multiple, ...rates.map(thousands), goodputRatio(kind, multiple).toFixed(2)],
      thousands(totalOf(load.refusals) / seconds),
      thousands(totalOf(load.faults)),
      ...[p50, p99, max, load.refusedLatency.p99, load.latency.p99].map(ms),
      ms(load.connectLatency.max),
      `${Math.round(load.cpuMicroseconds)} µs, ${load.cpuShare.toFixed(2)}`,
    ];
  };
  return {
    title: `${name[0]?.toUpperCase() ?? ''}${name.slice(1)}`,
    text: `${description} Capacity ${thousands(capacity)}/s; after the overload ${thousands(capacityAfter)}/s.`,
    head: HEAD,
    rows: MULTIPLES.map(row),
    faults: faultsOf(kind),
  };
}

/** All faults, and the refusals for another reason than overload. */
function faultsOf({ loads, closedResults }: KindResult): Counts {
  const unexpected = ({ faults, refusals }: SenderResult, where: string) =>
    Object.entries({ ...faults, ...refusals })
      .filter(([reason]) => reason !== 'overloaded')
      .map(([reason, times]) => [`${reason}, ${where}`, times]);
  return Object.fromEntries([
    ...closedResults.flatMap((result, nth) => unexpected(result, `closed loop ${nth + 1}`)),
    ...MULTIPLES.flatMap((m) => unexpected(loads[m], `at ${m} times the capacity`)),
  ]) as Counts;
}

function plotOf(kinds: readonly KindResult[]): Required<Section>['plot'] {
  const max = Math.max(...MULTIPLES);
  const svg = drawLinePlot({
    title: 'Goodput against offered load',
    xs: MULTIPLES.map((multiple) => ({ at: multiple / max, label: String(multiple) })),
    xLabel: 'offered load divided by the capacity',
    yLabel: 'goodput divided by the capacity',
    series: kinds.map((kind) => ({
      name: kind.name,
      values: MULTIPLES.map((multiple) => goodputRatio(kind, multiple)),
    })),
    limit: { value: GOAL, label: `goal at ${GOAL_MULTIPLE} times the capacity` },
  });
  return { file: 'goodput-against-offered-load.svg', svg };
}

function goodputRatio({ capacity, loads }: KindResult, multiple: Multiple): number {
  return loads[multiple].perSecond / capacity;
}
