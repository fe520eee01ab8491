import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

import { percentile } from './summary.js';

const LOOKS = 5;
const LOOK_EVERY_MS = 500;

/** The memory that a process occupies, in MiB: the median of some looks, for it goes up and down with its collections. */
export async function residentMiB(pid: number): Promise<number> {
  const looks: number[] = [];
  for (let nth = 0; nth < LOOKS; nth += 1) {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)]);
    looks.push(Number(stdout) / 1024);
    await sleep(LOOK_EVERY_MS);
  }
  return Math.round(
    percentile(
      looks.sort((a, b) => a - b),
      0.5,
    ),
  );
}
