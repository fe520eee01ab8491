import { fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { GeneratedRequest } from '../load-generator.js';
import { TestbedError } from '../testbed.js';
import { SEPARATOR, toBytes } from '../wrk-generator.js';
import type { SenderOrder } from './open-loop-process.js';
import type { SenderResult } from './open-loop-sender.js';

export interface OpenLoad {
  readonly url: string;
  /** Sent in this order, and then again from the first. */
  readonly requests: Iterable<GeneratedRequest>;
  readonly seconds: number;
  /** The most connections at a time. */
  readonly connections: number;
  /** Requests a second, whatever the responses. Without it each connection sends as soon as it has a response. */
  readonly rate?: number;
}

const SENDER = fileURLToPath(new URL('./open-loop-process.ts', import.meta.url));
const RESPONSE_TIMEOUT_MS = 10_000;

/**
 * Sends a load from a process of its own.
 *
 * @throws TestbedError when that process fails.
 */
export async function sendOpenLoad({ url, requests, ...load }: OpenLoad): Promise<SenderResult> {
  const { host, hostname, port } = new URL(url);
  const directory = mkdtempSync(join(tmpdir(), 'open-loop-'));
  try {
    const file = join(directory, 'requests');
    writeRequests(file, host, requests);
    return await runSender({
      file,
      host: hostname,
      port: Number(port),
      rate: undefined,
      timeoutMs: RESPONSE_TIMEOUT_MS,
      ...load,
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function writeRequests(file: string, host: string, requests: Iterable<GeneratedRequest>): void {
  const descriptor = openSync(file, 'w');
  for (const request of requests) {
    writeSync(descriptor, toBytes(host, request) + SEPARATOR);
  }
  closeSync(descriptor);
}

async function runSender(order: SenderOrder): Promise<SenderResult> {
  const sender = fork(SENDER, {
    execArgv: ['--import', 'tsx'],
    // Keeps NaN, which JSON has no number for.
    serialization: 'advanced',
  });
  sender.send(order);
  const outcome: unknown[] = await Promise.race([once(sender, 'message'), once(sender, 'exit')]);
  const [result] = outcome;
  if (typeof result !== 'object' || result === null) {
    throw new TestbedError(`The sender failed (code ${String(result)}).`);
  }
  return result as SenderResult;
}
