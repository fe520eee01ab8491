import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

import { onFreePort } from './free-port.js';
import { followLog } from './log-file.js';
import { ManagedProcess } from './managed-process.js';
import { sandboxState } from './sandbox-control.js';
import type { SandboxState } from './sandbox/state.js';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * Stand-ins for the partners: an OAuth 2.0 server, API A (inventory) and API B (catalog), plus a switchboard that
 * makes them fail or send events. They listen on free ports of 127.0.0.1 and end when this process ends.
 */
export class PartnerSandbox {
  readonly clientId: string;
  /** Random at each start. */
  readonly clientSecret: string;
  readonly scope: string;
  readonly tokenUrl: string;
  readonly inventoryUrl: string;
  readonly catalogUrl: string;

  private constructor(
    readonly controlUrl: string,
    client: { id: string; secret: string; scope: string },
    /** The secret that API B signs with, random at each start. */
    readonly webhookSecret: string,
    { oauth, inventory, catalog }: SandboxState,
    private readonly child: ManagedProcess,
  ) {
    this.clientId = client.id;
    this.clientSecret = client.secret;
    this.scope = client.scope;
    this.tokenUrl = `${oauth.url}/token`;
    this.inventoryUrl = inventory.url;
    this.catalogUrl = catalog.url;
  }

  static async start({ log }: { log: string }): Promise<PartnerSandbox> {
    const client = {
      id: 'farmlokal',
      secret: randomBytes(24).toString('base64url'),
      scope: 'inventory:read catalog:subscribe',
    };
    const webhookSecret = `whsec_${randomBytes(32).toString('base64')}`;
    return await onFreePort(async (port) => {
      const output = followLog(log);
      const child = await ManagedProcess.start({
        command: process.execPath,
        args: ['--import', 'tsx', 'dev/sandbox/main.ts'],
        cwd: ROOT,
        env: {
          PATH: process.env.PATH,
          CURRENCY: process.env.CURRENCY,
          SANDBOX_CONTROL_PORT: String(port),
          SANDBOX_CLIENT_ID: client.id,
          SANDBOX_CLIENT_SECRET: client.secret,
          SANDBOX_SCOPE: client.scope,
          SANDBOX_WEBHOOK_SECRET: webhookSecret,
        },
        log,
      });
      const controlUrl = `http://127.0.0.1:${port}`;
      let state: SandboxState | undefined;
      const ready = await child.readyWithin(20_000, async () => {
        state = await sandboxState(controlUrl);
        return state?.pid === child.pid;
      });
      if (!ready || state === undefined) {
        throw new Error(`The partner sandbox did not start:\n${output()}`);
      }
      return new PartnerSandbox(controlUrl, client, webhookSecret, state, child);
    });
  }

  get pid(): number {
    return this.child.pid;
  }

  /** The service's environment variables for the sandbox. */
  environment(): Record<string, string> {
    return {
      OAUTH_TOKEN_URL: this.tokenUrl,
      OAUTH_CLIENT_ID: this.clientId,
      OAUTH_CLIENT_SECRET: this.clientSecret,
      OAUTH_SCOPE: this.scope,
      INVENTORY_API_URL: this.inventoryUrl,
      CATALOG_API_URL: this.catalogUrl,
      WEBHOOK_SECRETS: this.webhookSecret,
    };
  }

  async stop(): Promise<void> {
    await this.child.stop();
  }
}
