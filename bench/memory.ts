import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const LOOKS = 10;
const LOOK_EVERY_MS = 1000;

/** The memory that a process occupies, in MiB: the least of some looks, for it goes up until what is not needed is collected. */
export async function residentMiB(pid: number): Promise<number> {
  const looks: number[] = [];
  for (let nth = 0; nth < LOOKS; nth += 1) {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)]);
    looks.push(Number(stdout) / 1024);
    await sleep(LOOK_EVERY_MS);
  }
  return Math.round(Math.min(...looks));
}
