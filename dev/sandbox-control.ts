import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { CampaignProgress, CampaignSummary } from './sandbox/campaign-summary.js';
import type { EmitOptions } from './sandbox/emit-options.js';

const DATA = join(dirname(dirname(fileURLToPath(import.meta.url))), '.data');
const ADDRESS = join(DATA, 'sandbox.json');

/** Where a sandbox is controlled, and the process that listens there. */
export interface SandboxAddress {
  readonly controlUrl: string;
  readonly pid: number;
}

/** Says why the switchboard does not do what it is asked for; the message is its own. */
export class SandboxRefusalError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** Writes down where this checkout's sandbox is, until told that it is no longer there. */
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

/** Gives where this checkout's sandbox is controlled; undefined when it does not run. */
export async function findSandbox(): Promise<string | undefined> {
  try {
    const { controlUrl, pid } = JSON.parse(readFileSync(ADDRESS, 'utf8')) as SandboxAddress;
    const response = await fetch(controlUrl, { signal: AbortSignal.timeout(2_000) });
    const state = (await response.json()) as Partial<SandboxAddress>;
    return state.pid === pid ? controlUrl : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Has API B send changes of the catalogue; gives what came of it. Whoever goes away before ends it.
 *
 * @throws SandboxRefusalError that names the bad options, or says that a campaign is under way.
 */
export async function runCampaign(
  controlUrl: string,
  options: Partial<EmitOptions>,
): Promise<CampaignSummary> {
  // Not fetch, which waits for an answer no longer than five minutes.
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
  if (status === 200) return body as CampaignSummary;
  throw new SandboxRefusalError(status, (body as { error: string }).error);
}

/** How far the campaign is that is under way; null when there is none. */
export async function campaignProgress(controlUrl: string): Promise<CampaignProgress | null> {
  const response = await fetch(`${controlUrl}/catalog/emit`);
  return ((await response.json()) as { campaign: CampaignProgress | null }).campaign;
}
