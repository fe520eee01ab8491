import { cpus, totalmem } from 'node:os';

import type { Testbed } from './testbed.js';

/** What was measured on. */
export interface Machine {
  readonly cores: number;
  readonly memoryGiB: number;
  readonly node: string;
  readonly postgresql: string;
}

export async function describeMachine(testbed: Testbed): Promise<Machine> {
  const [row] = await testbed.query<{ server_version: string }>('SHOW server_version');
  return {
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.versions.node,
    postgresql: row?.server_version ?? 'unknown',
  };
}
