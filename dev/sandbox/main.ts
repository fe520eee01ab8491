import { AuthorizationServer } from './authorization-server.js';
import { InventoryApi } from './inventory-api.js';
import { Switchboard } from './switchboard.js';

process.on('SIGTERM', () => process.exit(0));

const authorization = await AuthorizationServer.start({
  id: variable('SANDBOX_CLIENT_ID'),
  secret: variable('SANDBOX_CLIENT_SECRET'),
  scope: variable('SANDBOX_SCOPE'),
});
const inventory = await InventoryApi.start(authorization);
const switchboard = new Switchboard({
  oauth: { server: authorization.server },
  inventory: {
    server: inventory.server,
    actions: {
      revoke: () => {
        authorization.revokeTokens();
      },
    },
  },
});
// Last: once it answers, everything does.
await switchboard.listen(Number(variable('SANDBOX_CONTROL_PORT')));

function variable(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is unset`);
  return value;
}
