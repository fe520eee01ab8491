import { Environment } from './environment.js';
import { unknownVariables } from './unknown-variables.js';

/** The URLs of partners, and the secret that anyone on the network path can read when the URL is plain http. */
const EXPOSED_SECRETS = [
  ['OAUTH_TOKEN_URL', 'the client secret'],
  ['INVENTORY_API_URL', 'the token'],
  ['CATALOG_API_URL', 'the token'],
] as const;
const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** Warns about variables of a valid environment that are unsafe, without effect or probably misspelt. */
export function environmentWarnings(environment: Environment): string[] {
  return [
    ...plainHttp(environment),
    ...withoutEffect(environment),
    // The environment also has the variables of the process that the service does not read.
    ...unknownVariables(Object.keys(environment), Object.keys(new Environment())),
  ];
}

function plainHttp(environment: Environment): string[] {
  return EXPOSED_SECRETS.filter(([name]) => {
    const value = environment[name];
    const url = value === undefined ? undefined : new URL(value);
    return url?.protocol === 'http:' && !LOOPBACK.test(url.hostname);
  }).map(
    ([name, secret]) => `${name} is plain http: anyone on the network path can read ${secret}.`,
  );
}

function withoutEffect(environment: Environment): string[] {
  const { OAUTH_TOKEN_URL, INVENTORY_API_URL, CATALOG_API_URL, PUBLIC_URL } = environment;
  const { INVENTORY_TIMEOUT_MS, INVENTORY_DEADLINE_MS, WEBHOOK_SECRETS } = environment;
  const hasClient = OAUTH_TOKEN_URL !== undefined;
  const warnings: [boolean, string][] = [
    [
      !hasClient && INVENTORY_API_URL !== undefined,
      'INVENTORY_API_URL has no effect without an OAuth client (OAUTH_TOKEN_URL, …).',
    ],
    [
      !hasClient && CATALOG_API_URL !== undefined,
      'CATALOG_API_URL has no effect without an OAuth client (OAUTH_TOKEN_URL, …).',
    ],
    [
      CATALOG_API_URL !== undefined && PUBLIC_URL === undefined,
      'CATALOG_API_URL has no effect without PUBLIC_URL: the callback is not registered.',
    ],
    [
      CATALOG_API_URL !== undefined && WEBHOOK_SECRETS === undefined,
      'CATALOG_API_URL is set without WEBHOOK_SECRETS: every webhook is rejected.',
    ],
    [
      INVENTORY_TIMEOUT_MS > INVENTORY_DEADLINE_MS,
      'INVENTORY_TIMEOUT_MS is longer than INVENTORY_DEADLINE_MS, which ends every attempt.',
    ],
  ];
  return warnings.filter(([applies]) => applies).map(([, warning]) => warning);
}
