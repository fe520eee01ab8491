import { setTimeout as sleep } from 'node:timers/promises';

import { sendClosedLoop } from '../../load/closed-loop.js';
import { Pages } from '../../pages.js';
import { atMost, type Findings, thousands } from '../../report/report.js';
import { residentMb } from '../../resident-memory.js';
import { median } from '../../statistics.js';
import type { Bench } from '../../suite.js';
import { PRODUCTION, TestbedError } from '../../testbed.js';

const STARTS = 5;
/** The memory is watched for so many times `--seconds`. */
const DURATION = 10;
const SAMPLES_IN_TENTH = 12;
const SAMPLES = 10 * SAMPLES_IN_TENTH;
const REQUESTS = 200_000;

/** The time until a replica is ready, and its memory under full load. */
export async function measureStartAndMemory(bench: Bench): Promise<Findings> {
  const { testbed, catalog, log } = bench;
  const start = () => testbed.startReplica(PRODUCTION);
  const starts: number[] = [];
  while (starts.length < STARTS) {
    const { readyAfter } = await start();
    await testbed.stopReplicas();
    starts.push(readyAfter);
  }

  const seconds = bench.seconds * DURATION;
  const pages = await Pages.of(catalog);
  const requests = Array.from({ length: REQUESTS }, () => pages.next());
  const replica = await start();
  const whenReady = await residentMb(replica);
  log(`memory: full load for ${seconds} s`);
  const sending = sendClosedLoop({ url: replica.url, requests, seconds });
  const samples: number[] = [];
  while (samples.length < SAMPLES) {
    samples.push(await residentMb(replica));
    await sleep((seconds * 1000) / SAMPLES);
  }
  const { perSecond, errors } = await sending;
  await testbed.stopReplicas();
  if (errors > 0) throw new TestbedError(`memory: ${errors} requests failed.`);
  const second = median(samples.slice(SAMPLES_IN_TENTH, 2 * SAMPLES_IN_TENTH));
  const last = median(samples.slice(-SAMPLES_IN_TENTH));
  const max = Math.max(...samples);
  return {
    goals: [
      atMost(1500, ' ms', 'start until ready', median(starts)),
      atMost(256, ' MB', 'memory under full load', max),
      atMost(1.05, '', 'memory, last tenth of the time divided by the second', last / second),
    ],
    sections: [
      {
        title: 'Start and memory',
        text: `A replica was ready after ${starts.join(', ')} ms, with PostgreSQL and Redis up. Resident memory under full load for ${seconds} s (${thousands(perSecond)} pages/s, four of five of them popular), in MB; medians of a tenth of the time:`,
        head: 'when ready | second tenth | last tenth | maximum',
        rows: [[whenReady, second, last, max]],
      },
    ],
  };
}
