import type { Generated } from './load-generator.js';
import { atRate } from './pace.js';
import { PopularPages } from './popular-pages.js';
import { CONNECTIONS, EVERYTHING_ON, type SpeedSetting } from './speed-setting.js';
import { median } from './summary.js';
import { loggingTo, TestbedError } from './testbed.js';

/** Resident memory, in MB. */
export interface Memory {
  readonly seconds: number;
  readonly load: Generated;
  /** Before the first page. */
  readonly atStart: number;
  /** Medians of each tenth of the time. */
  readonly tenths: readonly number[];
  readonly max: number;
}

const SAMPLES_IN_TENTH = 12;
const SAMPLES = 10 * SAMPLES_IN_TENTH;
const REQUESTS = 200_000;

/** What the service needs while it is asked for as many pages as it can give, popular ones and others. */
export async function measureMemory(
  { testbed, catalogue, generator, say }: SpeedSetting,
  seconds: number,
): Promise<Memory> {
  const pages = await PopularPages.of(catalogue);
  const requests = Array.from({ length: REQUESTS }, () => pages.next());
  const replica = await testbed.startReplica(EVERYTHING_ON, loggingTo('bench-memory.log'));
  const { url } = replica;
  const atStart = await residentMemory(url);
  say(`memory: full load for ${seconds} s`);
  const [load, samples] = await Promise.all([
    generator.run({ url, requests, connections: CONNECTIONS, seconds }),
    atRate(
      SAMPLES / seconds,
      (sent) => sent < SAMPLES,
      () => residentMemory(url),
    ),
  ]);
  await replica.stop();
  if (load.errors > 0) {
    throw new TestbedError(`memory: ${load.errors} requests failed.`);
  }
  const tenths = Array.from({ length: 10 }, (_, nth) =>
    median(samples.slice(nth * SAMPLES_IN_TENTH, (nth + 1) * SAMPLES_IN_TENTH)),
  );
  return { seconds, load, atStart, tenths, max: Math.max(...samples) };
}

async function residentMemory(url: string): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const bytes = /^process_resident_memory_bytes (\d+)/m.exec(metrics)?.[1];
  return Math.round(Number(bytes) / 1e5) / 10;
}
