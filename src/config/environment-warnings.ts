import type { Environment } from './environment.js';

/** What is lost to whoever is on the way, where a partner's address is plain http. */
const READABLE = {
  OAUTH_TOKEN_URL: "the client's secret",
  INVENTORY_API_URL: 'the token',
  CATALOG_API_URL: 'the token',
} as const;
const PARTNERS = ['OAUTH_TOKEN_URL', 'INVENTORY_API_URL', 'CATALOG_API_URL'] as const;
const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** What an operator should know of a valid environment: what in it is unsafe, or of no use. */
export function environmentWarnings(environment: Environment): string[] {
  return [...plainHttp(environment), ...useless(environment)];
}

function plainHttp(environment: Environment): string[] {
  return PARTNERS.filter((name) => {
    const value = environment[name];
    const url = value === undefined ? undefined : new URL(value);
    return url?.protocol === 'http:' && !LOOPBACK.test(url.hostname);
  }).map((name) => `${name} is plain http: whoever is on the way can read ${READABLE[name]}.`);
}

function useless(environment: Environment): string[] {
  const { OAUTH_TOKEN_URL, INVENTORY_API_URL, CATALOG_API_URL, PUBLIC_URL } = environment;
  const { INVENTORY_TIMEOUT_MS, INVENTORY_DEADLINE_MS, WEBHOOK_SECRETS } = environment;
  const withoutClient = OAUTH_TOKEN_URL === undefined;
  const warnings: [boolean, string][] = [
    [
      withoutClient && INVENTORY_API_URL !== undefined,
      'INVENTORY_API_URL is of no use without an OAuth client (OAUTH_TOKEN_URL, …).',
    ],
    [
      withoutClient && CATALOG_API_URL !== undefined,
      'CATALOG_API_URL is of no use without an OAuth client (OAUTH_TOKEN_URL, …).',
    ],
    [
      CATALOG_API_URL !== undefined && PUBLIC_URL === undefined,
      'CATALOG_API_URL is of no use without PUBLIC_URL: the callback is not registered.',
    ],
    [
      CATALOG_API_URL !== undefined && WEBHOOK_SECRETS === undefined,
      'CATALOG_API_URL is set without WEBHOOK_SECRETS: no event will be taken.',
    ],
    [
      INVENTORY_TIMEOUT_MS > INVENTORY_DEADLINE_MS,
      'INVENTORY_TIMEOUT_MS is longer than INVENTORY_DEADLINE_MS, which ends every attempt.',
    ],
  ];
  return warnings.filter(([applies]) => applies).map(([, warning]) => warning);
}
