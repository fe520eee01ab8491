import { Environment } from './environment.js';
import { parsePostgresUrl } from './postgres-url.js';

/** Variables that are shown as they are; numbers and flags are, too. */
const PLAIN = new Set([
  'CORS_ORIGINS',
  'CURRENCY',
  'HOST',
  'LOG_LEVEL',
  'NODE_ENV',
  'OAUTH_CLIENT_AUTH',
  'OAUTH_SCOPE',
  'PUBLIC_URL',
  'TRUST_PROXY',
]);
/** URLs of which the host and the database are shown. */
const DATABASES = new Set(['DATABASE_URL', 'MIGRATION_DATABASE_URL']);
/** URLs of partners. Only the host is shown, because a path can hold a key. */
const PARTNERS = new Set(['CATALOG_API_URL', 'INVENTORY_API_URL', 'OAUTH_TOKEN_URL']);

/** Group 1 holds hosts and path, group 2 the hosts alone; no group holds the user, the password or the query. */
const ADDRESS = /^[^:/]+:\/\/(?:[^/?#]*@)?(([^/?#]*)[^?#]*)/;

/** The settings of this process for the log. A variable that is in no list above is shown as set or unset only. */
export function effectiveSettings(
  environment: Environment,
): Record<string, string | number | boolean> {
  // An environment also holds every variable of the process that the service does not read.
  const names = Object.keys(new Environment()) as (keyof Environment)[];
  return Object.fromEntries(names.map((name) => [name, shown(name, environment[name])]));
}

function shown(name: string, value: Environment[keyof Environment]): string | number | boolean {
  if (value === undefined) return 'unset';
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  const text = String(value);
  if (PLAIN.has(name)) return text;
  const [, address = 'set', hosts = 'set'] = ADDRESS.exec(text) ?? [];
  if (DATABASES.has(name)) return databaseAddress(text);
  if (name === 'REDIS_URL') return address;
  if (PARTNERS.has(name)) return hosts;
  return 'set';
}

function databaseAddress(url: string): string {
  const { host, port, database } = parsePostgresUrl(url);
  const name = host.includes(':') ? `[${host}]` : host;
  return `${name}${port === undefined ? '' : `:${port}`}/${database}`;
}
