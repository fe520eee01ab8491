import { fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { TestbedError } from '../testbed.js';
import { type LoadRequest, SEPARATOR, serializeRequest } from './request.js';
import type { Rate } from './sender.js';
import type { SenderOrder, SenderResult } from './sender-process.js';

export interface IsolatedLoad extends Rate {
  readonly url: string;
  /** With `seconds`, the first request follows the last. Without it each is sent once. */
  readonly requests: Iterable<LoadRequest>;
}

const SENDER = fileURLToPath(new URL('./sender-process.ts', import.meta.url));

/**
 * Sends a load from a separate process.
 *
 * @throws TestbedError when that process fails.
 */
export async function sendIsolated({ requests, ...load }: IsolatedLoad): Promise<SenderResult> {
  const directory = mkdtempSync(join(tmpdir(), 'load-'));
  try {
    const file = join(directory, 'requests');
    const descriptor = openSync(file, 'w');
    const { host } = new URL(load.url);
    // One by one, because all requests together may exceed the longest string.
    for (const request of requests) {
      writeSync(descriptor, serializeRequest(host, request) + SEPARATOR);
    }
    closeSync(descriptor);
    return await runSender({ file, ...load });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function runSender(order: SenderOrder): Promise<SenderResult> {
  // JSON has no NaN.
  const sender = fork(SENDER, { execArgv: ['--import', 'tsx'], serialization: 'advanced' });
  sender.send(order);
  const outcome: unknown[] = await Promise.race([once(sender, 'message'), once(sender, 'exit')]);
  const [result] = outcome;
  if (typeof result !== 'object' || result === null) {
    throw new TestbedError(`The sender failed (exit code ${String(result)}).`);
  }
  return result as SenderResult;
}
