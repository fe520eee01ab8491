import { kindsOf } from './latency.js';
import type { Generated } from './load-generator.js';
import { CONNECTIONS, EVERYTHING_ON, type SpeedSetting } from './speed-setting.js';
import { EMPTY_CACHES, loggingTo } from './testbed.js';
import { inTurns, type Turn } from './turns.js';
import { drawing, indexedFilters } from './workload.js';

/** What a replica is asked for, of what it can answer. */
export const PARTS = { '10 %': 0.1, '25 %': 0.25, '50 %': 0.5, '75 %': 0.75, '90 %': 0.9 } as const;
export type Part = keyof typeof PARTS;
export type CurveLoad = 'capacity' | Part;

export interface LoadCurve {
  /** Kinds of page (filter, sort, order, depth). */
  readonly kinds: number;
  readonly turns: readonly Turn<CurveLoad>[];
}

/** More than are ever under way while a replica keeps up. */
const PACED_CONNECTIONS = 256;
const REQUESTS = 20_000;

/** How long pages of all kinds take, none of which a cache has, while they are asked for at a constant rate. */
export async function measureLoadCurve(setting: SpeedSetting): Promise<LoadCurve> {
  const { testbed, catalogue, generator, seconds, say } = setting;
  say('load curve: looking for the pages to ask for');
  const kinds = await kindsOf(catalogue, await indexedFilters(catalogue));
  const next = drawing(kinds);
  const env = { ...EVERYTHING_ON, ...EMPTY_CACHES };
  const replica = await testbed.startReplica(env, loggingTo('bench-curve.log'));

  const load = () => ({
    url: replica.url,
    seconds,
    requests: Array.from({ length: REQUESTS }, next),
  });
  let capacity = 0;
  const atPart = (part: Part): Promise<Generated> =>
    generator.run({ ...load(), connections: PACED_CONNECTIONS, rate: PARTS[part] * capacity });
  const turns = await inTurns(
    'load curve',
    {
      capacity: async () => {
        const generated = await generator.run({ ...load(), connections: CONNECTIONS });
        capacity = generated.rate;
        return generated;
      },
      '10 %': () => atPart('10 %'),
      '25 %': () => atPart('25 %'),
      '50 %': () => atPart('50 %'),
      '75 %': () => atPart('75 %'),
      '90 %': () => atPart('90 %'),
    },
    say,
  );
  await replica.stop();
  return { kinds: kinds.length, turns };
}
