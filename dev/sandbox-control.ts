import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { EmitOptions } from './sandbox/emit-options.js';
import type { EmitProgress, EmitSummary } from './sandbox/emit-summary.js';
import type { SandboxState } from './sandbox/state.js';

const DATA = join(dirname(dirname(fileURLToPath(import.meta.url))), '.data');
const ADDRESS = join(DATA, 'sandbox.json');

/** The switchboard's URL and the process that listens there. */
export interface SandboxAddress {
  readonly controlUrl: string;
  readonly pid: number;
}

/** An error response of the switchboard. */
export class SandboxError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** Writes the address of this checkout's sandbox to a file, and removes the file on `stop`. */
export function publishSandbox({ controlUrl, pid }: SandboxAddress): { stop(): Promise<void> } {
  mkdirSync(DATA, { recursive: true });
  writeFileSync(ADDRESS, `${JSON.stringify({ controlUrl, pid })}\n`);
  return {
    stop: async () => {
      rmSync(ADDRESS, { force: true });
      return Promise.resolve();
    },
  };
}

/** Returns the switchboard's URL of this checkout's sandbox; undefined when the sandbox is not running. */
export async function findSandbox(): Promise<string | undefined> {
  try {
    const { controlUrl, pid } = JSON.parse(readFileSync(ADDRESS, 'utf8')) as SandboxAddress;
    return (await sandboxState(controlUrl))?.pid === pid ? controlUrl : undefined;
  } catch {
    return undefined;
  }
}

/** Reads the state of a sandbox; undefined when it does not respond. */
export async function sandboxState(controlUrl: string): Promise<SandboxState | undefined> {
  try {
    const response = await fetch(controlUrl, { signal: AbortSignal.timeout(2_000) });
    return (await response.json()) as SandboxState;
  } catch {
    return undefined;
  }
}

/**
 * Makes API B send catalog events, and waits for the summary. The run ends early when this process ends.
 *
 * @throws SandboxError when an option is invalid or another run is in progress.
 */
export async function emitEvents(
  controlUrl: string,
  options: Partial<EmitOptions>,
): Promise<EmitSummary> {
  // fetch would time out after five minutes without a response.
  const [status, text] = await new Promise<[number, string]>((resolve, reject) => {
    request(`${controlUrl}/catalog/emit`, { method: 'POST' }, (response) => {
      const chunks: Buffer[] = [];
      response
        .on('data', (chunk: Buffer) => chunks.push(chunk))
        .on('error', reject)
        .on('end', () => {
          resolve([response.statusCode ?? 0, Buffer.concat(chunks).toString()]);
        });
    })
      .on('error', reject)
      .end(JSON.stringify(options));
  });
  const body: unknown = JSON.parse(text);
  if (status === 200) return body as EmitSummary;
  throw new SandboxError(status, (body as { error: string }).error);
}

/** Returns the progress of the emit run; null when none is running. */
export async function emitProgress(controlUrl: string): Promise<EmitProgress | null> {
  return (await sandboxState(controlUrl))?.catalog.emit ?? null;
}
