import { readEnvFile } from '../../src/config/env-file.js';
import { Environment } from '../../src/config/environment.js';
import { AuthorizationServer } from './authorization-server.js';
import { CatalogApi } from './catalog-api.js';
import { InventoryApi } from './inventory-api.js';
import { Switchboard } from './switchboard.js';

// An orderly shutdown would wait for requests that hang.
process.on('SIGTERM', () => process.exit(0));

const authorization = await AuthorizationServer.start({
  id: variable('SANDBOX_CLIENT_ID'),
  secret: variable('SANDBOX_CLIENT_SECRET'),
  scope: variable('SANDBOX_SCOPE'),
});
const inventory = await InventoryApi.start(authorization);
const catalog = await CatalogApi.start(
  authorization,
  variable('SANDBOX_WEBHOOK_SECRET'),
  currency(),
);
const switchboard = new Switchboard({
  oauth: { server: authorization.server },
  inventory: {
    server: inventory.server,
    actions: {
      revoke: () => {
        authorization.revokeTokens();
        return undefined;
      },
    },
  },
  catalog: {
    server: catalog.server,
    details: () => catalog.details(),
    actions: { emit: (options, signal) => catalog.emit(options, signal) },
  },
});
// The switchboard starts last: when it responds, the partners are ready.
await switchboard.listen(Number(variable('SANDBOX_CONTROL_PORT')));

function variable(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}

/** Reads CURRENCY as the service does: from the environment or `.env`. */
function currency(): string {
  const { CURRENCY = '' } = { ...readEnvFile('.env'), ...process.env };
  return CURRENCY === '' ? new Environment().CURRENCY : CURRENCY;
}
