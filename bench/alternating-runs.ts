import type { Throughput } from './load/sender-process.js';
import { latencyCells, LATENCY_HEAD, thousands } from './report/report.js';
import { type Latency, median } from './statistics.js';
import { TestbedError } from './testbed.js';

/** The throughput of each load in one round. */
export type Round<Name extends string> = Readonly<Record<Name, Throughput>>;

const ROUNDS = 5;

/**
 * Runs some loads one after the other, in several rounds, so that other activity of the machine affects all of them.
 * A round before those warms everything up.
 *
 * @throws TestbedError when a request fails.
 */
export async function alternate<Name extends string>(
  scenario: string,
  loads: Readonly<Record<Name, () => Promise<Throughput>>>,
  log: (line: string) => void,
): Promise<Round<Name>[]> {
  const rounds: Round<Name>[] = [];
  for (let nth = 0; nth <= ROUNDS; nth += 1) {
    const round: Partial<Record<Name, Throughput>> = {};
    for (const name of Object.keys(loads) as Name[]) {
      const result = await loads[name]();
      if (result.errors > 0) {
        throw new TestbedError(`${scenario}: ${result.errors} requests of "${name}" failed.`);
      }
      round[name] = result;
      log(`${scenario}: ${name} ${Math.round(result.perSecond)}/s`);
    }
    if (nth > 0) rounds.push(round as Round<Name>);
  }
  return rounds;
}

/** The median over all rounds. */
export function medianOf<Item>(rounds: readonly Item[], value: (round: Item) => number): number {
  return median(rounds.map(value));
}

/** The median throughput of a load and the medians of its percentiles. */
export function medianThroughput<Name extends string>(rounds: readonly Round<Name>[], name: Name) {
  const latencyAt = (p: keyof Latency) => medianOf(rounds, (round) => round[name].latency[p]);
  const [p50, p95] = [latencyAt('p50'), latencyAt('p95')];
  const latency: Latency = { p50, p95, p99: latencyAt('p99'), max: latencyAt('max') };
  return { perSecond: medianOf(rounds, (round) => round[name].perSecond), latency };
}

/** A table with the median throughput and latency of each load. */
export function medianTable(rounds: readonly Round<string>[]) {
  const rows = Object.keys(rounds[0] ?? {}).map((name) => {
    const { perSecond, latency } = medianThroughput(rounds, name);
    return [name, thousands(perSecond), ...latencyCells(latency)];
  });
  return { head: `load | responses/s | ${LATENCY_HEAD}`, rows };
}

/** A table with the throughput of each load in each round. */
export function roundsTable(rounds: readonly Round<string>[]) {
  const rows = rounds.map((round, nth) => [
    nth + 1,
    ...Object.values(round).map(({ perSecond }) => thousands(perSecond)),
  ]);
  return { head: `round | ${Object.keys(rounds[0] ?? {}).join(' | ')}`, rows };
}
