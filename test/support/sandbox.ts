import { randomUUID } from 'node:crypto';
import { join } from 'node:path';

import { PartnerSandbox } from '../../dev/partner-sandbox.js';
import { emitEvents } from '../../dev/sandbox-control.js';
import type { AuthorizationSwitches } from '../../dev/sandbox/authorization-server.js';
import type { CatalogSwitches } from '../../dev/sandbox/catalog-api.js';
import type { EmitOptions } from '../../dev/sandbox/emit-options.js';
import type { EmitSummary, Oracle } from '../../dev/sandbox/emit-summary.js';
import type { InventorySwitches } from '../../dev/sandbox/inventory-api.js';
import type { SandboxState } from '../../dev/sandbox/state.js';
import { httpFetch } from './http.js';
import { testDirectory } from './test-directory.js';

/** The switches of each partner. */
export interface PartnerSwitches {
  oauth: AuthorizationSwitches;
  inventory: InventorySwitches;
  catalog: CatalogSwitches;
}

/** The partners of one spec, with switches for their faults. */
export class Sandbox {
  constructor(
    /** Their URLs and credentials. */
    readonly partners: PartnerSandbox,
  ) {}

  /** The environment that connects the service to the partners. */
  environment(): Record<string, string> {
    return this.partners.environment();
  }

  /** Sets some switches of a partner; the others stay as they are. */
  async switch<Name extends keyof PartnerSwitches>(
    partner: Name,
    changes: Partial<PartnerSwitches[Name]>,
  ): Promise<SandboxState[Name]> {
    return await this.call<SandboxState[Name]>('PATCH', `/${partner}`, JSON.stringify(changes));
  }

  /** The current switches and counts. */
  async state(): Promise<SandboxState> {
    return await this.call<SandboxState>('GET', '/');
  }

  /** Resets all switches and counts; tokens stay valid. */
  async reset(): Promise<SandboxState> {
    return await this.call<SandboxState>('POST', '/reset');
  }

  /** Makes API A reject every token issued so far. */
  async revoke(): Promise<void> {
    await this.call('POST', '/inventory/revoke');
  }

  /** Makes API B send catalog changes, and waits until each is acknowledged or given up. */
  async emit(
    options: Partial<EmitOptions> & { oracle: true },
  ): Promise<EmitSummary & { oracle: Oracle }>;
  async emit(options: Partial<EmitOptions>): Promise<EmitSummary>;
  async emit(options: Partial<EmitOptions>): Promise<EmitSummary> {
    return await emitEvents(this.partners.controlUrl, options);
  }

  async stop(): Promise<void> {
    await this.partners.stop();
  }

  private async call<Body>(method: string, path: string, body?: string): Promise<Body> {
    const response = await httpFetch<Body>(this.partners.controlUrl + path, {
      method,
      ...(body === undefined ? {} : { body }),
    });
    if (response.status === 200) return response.body;
    throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(response.body)}`);
  }
}

/** Starts the partners of one spec. */
export async function startSandbox(): Promise<Sandbox> {
  const log = join(testDirectory(), `sandbox-${randomUUID()}.log`);
  return new Sandbox(await PartnerSandbox.start({ log }));
}
