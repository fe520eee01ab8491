import type { Generated } from './load-generator.js';
import { TestbedError } from './testbed.js';

/** What came of each load in one turn. */
export type Turn<Name extends string> = Readonly<Record<Name, Generated>>;

const TURNS = 5;

/**
 * Sends some loads one after the other, again and again: whatever the machine does meanwhile, it does to all.
 *
 * @throws TestbedError when a request was not answered as it should.
 */
export async function inTurns<Name extends string>(
  what: string,
  loads: Readonly<Record<Name, () => Promise<Generated>>>,
  say: (line: string) => void,
): Promise<Turn<Name>[]> {
  const turns: Turn<Name>[] = [];
  for (let nth = 0; nth <= TURNS; nth += 1) {
    const turn: Partial<Record<Name, Generated>> = {};
    for (const name of Object.keys(loads) as Name[]) {
      const generated = await loads[name]();
      if (generated.errors > 0) {
        throw new TestbedError(`${what}: ${generated.errors} requests of "${name}" failed.`);
      }
      turn[name] = generated;
      say(`${what}: ${name} ${generated.rate}/s, P99 ${generated.p99} ms`);
    }
    // The first turn warms everything up.
    if (nth > 0) turns.push(turn as Turn<Name>);
  }
  return turns;
}
