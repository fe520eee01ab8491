import { Catalogue } from './catalogue.js';
import { type Depth, measureDepth } from './depth.js';
import { type Latency, measureLatency } from './latency.js';
import { findLoadGenerator } from './load-generator.js';
import { ScaleLoads } from './scale-loads.js';
import type { Testbed } from './testbed.js';
import { inTurns, type Turn } from './turns.js';

/** What a catalogue takes. */
export interface Size {
  readonly rows: number;
  /** How long it took to load it; absent when that was not measured. */
  readonly seedSeconds?: number;
  /** Bytes of the table, and of each index by its columns. */
  readonly bytes: Readonly<Record<string, number>>;
}

/** As much as is answered; half of that at a constant rate; price ranges under another sort at a constant rate. */
export type ScaleLoad =
  'small capacity' | 'small' | 'small across' | 'large capacity' | 'large' | 'large across';

export interface Scale {
  readonly generator: string;
  readonly seconds: number;
  readonly small: Size;
  readonly large: Size;
  readonly turns: readonly Turn<ScaleLoad>[];
  /** Memory of a replica after the loads, MiB. */
  readonly memory: Readonly<Record<'small' | 'large', number>>;
  /** Of the large catalogue. */
  readonly latency: Latency;
  readonly depth: Depth;
}

/** How many times as many rows the large catalogue has. */
export const TIMES = 10;

/** The part of a load's time that each load of a turn lasts. */
const PART = 1 / 6;

/** What ten times as many products change, both catalogues asked in turns. */
export async function measureScale(
  small: Testbed,
  large: Testbed,
  wholeSeconds: number,
  say: (line: string) => void,
): Promise<Scale> {
  const seconds = Math.max(1, Math.round(wholeSeconds * PART));
  const generator = findLoadGenerator();
  const loadsOf = async (testbed: Testbed): Promise<ScaleLoads> => {
    say('scale: looking for the pages to ask for');
    return await ScaleLoads.of(testbed, generator, seconds);
  };
  for (const testbed of [small, large]) {
    say('scale: reading the catalogue into memory');
    await readIntoMemory(testbed);
  }
  const ofSmall = await loadsOf(small);
  const ofLarge = await loadsOf(large);
  const turns = await inTurns(
    'scale',
    {
      'small capacity': () => ofSmall.capacity(),
      small: () => ofSmall.half(),
      'small across': () => ofSmall.across(),
      'large capacity': () => ofLarge.capacity(),
      large: () => ofLarge.half(),
      'large across': () => ofLarge.across(),
    },
    say,
  );
  const memory = { small: await ofSmall.stop(), large: await ofLarge.stop() };
  const catalogue = new Catalogue(large);
  return {
    generator: generator.name,
    seconds,
    small: await sizeOf(small),
    large: await sizeOf(large),
    turns,
    memory,
    latency: await measureLatency(large, catalogue, wholeSeconds, say),
    depth: await measureDepth(large, catalogue, wholeSeconds, say),
  };
}

/** The files of a catalogue, as those of a database that has served for a while, so far as memory takes them. */
async function readIntoMemory(testbed: Testbed): Promise<void> {
  await testbed.query('CREATE EXTENSION IF NOT EXISTS pg_prewarm');
  await testbed.query(
    `SELECT pg_prewarm(part, 'read')
     FROM (
       SELECT 'products'::regclass AS part
       UNION ALL
       SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'products'::regclass
     ) parts`,
  );
}

async function sizeOf(testbed: Testbed): Promise<Size> {
  const [found] = await testbed.query<{ rows: number }>(
    'SELECT count(*)::int AS rows FROM products',
  );
  const parts = await testbed.query<{ name: string; bytes: string }>(
    `SELECT 'the table' AS name, pg_table_size('products') AS bytes
     UNION ALL
     SELECT regexp_replace(pg_get_indexdef(indexrelid), '^.* USING ', ''),
            pg_relation_size(indexrelid)
     FROM pg_index WHERE indrelid = 'products'::regclass`,
  );
  const seedSeconds = await testbed.seedSeconds();
  return {
    rows: found?.rows ?? 0,
    ...(seedSeconds === undefined ? {} : { seedSeconds }),
    bytes: Object.fromEntries(parts.map(({ name, bytes }) => [name, Number(bytes)])),
  };
}
