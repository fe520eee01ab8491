import type { Environment } from './environment.js';

const PARTNERS = ['OAUTH_TOKEN_URL', 'INVENTORY_API_URL'] as const;
const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** The partners' variables whose address is plain http and leads off this machine: tokens can be read on the way. */
export function plainHttpVariables(environment: Environment): string[] {
  return PARTNERS.filter((name) => {
    const value = environment[name];
    const url = value === undefined ? undefined : new URL(value);
    return url?.protocol === 'http:' && !LOOPBACK.test(url.hostname);
  });
}
