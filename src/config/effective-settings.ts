import { urlHost } from '../http/url-host.js';
import { Environment } from './environment.js';
import { databaseName, parsePostgresUrl } from './postgres-url.js';

/** Variables that are shown unchanged. Numbers and booleans are shown unchanged as well. */
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
/** URLs that are shown as host, port and database. */
const DATABASES = new Set(['DATABASE_URL', 'MIGRATION_DATABASE_URL']);
/** URLs of partners. Only the host is shown, because a path can contain a key. */
const PARTNERS = new Set(['CATALOG_API_URL', 'INVENTORY_API_URL', 'OAUTH_TOKEN_URL']);

/** Group 1 is the hosts and the path, group 2 the hosts only. User, password and query are in neither. */
const ADDRESS = /^[^:/]+:\/\/(?:[^/?#]*@)?(([^/?#]*)[^?#]*)/;

/** The settings of this process for the log. Every variable that may be secret is shown only as `set` or `unset`. */
export function effectiveSettings(
  environment: Environment,
): Record<string, string | number | boolean> {
  // The environment also has the variables of the process that the service does not read.
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
  const parts = parsePostgresUrl(url);
  const { host, port } = parts;
  const database = databaseName(parts);
  return `${urlHost(host)}${port === undefined ? '' : `:${port}`}${database === '' ? '' : `/${database}`}`;
}
