import pg, { type ClientConfig } from 'pg';

import { postgresTls } from './postgres-tls.js';
import { PostgresUrlError } from './postgres-url.error.js';

/** The decoded parts of a connection URL. A parameter such as `host` replaces the same part before the question mark. */
export interface PostgresUrl {
  /** A host name, an IP address, or the directory of a Unix socket. */
  readonly host: string;
  readonly port: number | undefined;
  /** Empty when the URL has no user. `password` and `database` are empty in the same way. */
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly parameters: Readonly<Partial<Record<string, string>>>;
}

const SHAPE =
  /^postgres(?:ql)?:\/\/(?:(?<user>[^:/?#]*)(?::(?<password>[^/?#]*))?@)?(?<host>\[[^\]/?#]*\]|[^:/?#]*)(?::(?<port>[^/?#]*))?(?:\/(?<database>[^?#]*))?(?:\?(?<query>[^#]*))?$/i;

const MAX_CONNECT_TIMEOUT_S = 600;

/**
 * The supported parameters and their accepted values. All others are refused: ignoring a parameter, or a misspelt
 * one, could weaken the connection.
 */
const PARAMETERS = new Map<string, 'any' | readonly string[]>(
  Object.entries({
    host: 'any',
    port: 'any',
    user: 'any',
    password: 'any',
    dbname: 'any',
    application_name: 'any',
    connect_timeout: 'any',
    options: 'any',
    // Excludes prefer and allow, because both may fall back to plain text.
    sslmode: ['disable', 'require', 'verify-ca', 'verify-full', 'no-verify'],
    ssl: ['true'],
    sslrootcert: 'any',
    sslcert: 'any',
    sslkey: 'any',
    sslnegotiation: ['postgres', 'direct'],
    uselibpqcompat: ['true', 'false'],
    channel_binding: ['disable', 'prefer', 'require'],
    gssencmode: ['disable', 'prefer'],
    // With one host there is no choice of servers.
    target_session_attrs: ['any'],
  }),
);

/**
 * Reads a connection URL in the forms that libpq accepts, with one host or Unix socket.
 *
 * @throws PostgresUrlError when the URL is malformed or has an unsupported part.
 */
export function parsePostgresUrl(text: string): PostgresUrl {
  const { groups } = SHAPE.exec(text.trim()) ?? {};
  if (groups === undefined) {
    throw new PostgresUrlError(
      text.includes('#') ? 'a # must be written %23' : 'the URL does not have this form',
    );
  }
  const parameters = parseParameters(groups.query ?? '');
  const host = parameters.host ?? decode(groups.host ?? '').replace(/^\[(.*)\]$/, '$1');
  const port = parameters.port ?? groups.port ?? '';
  if (host.includes(',') || port.includes(',')) {
    throw new PostgresUrlError(
      'several hosts are not supported: use one address that always leads to the primary',
    );
  }
  if (host === '' || /\s/.test(host)) {
    throw new PostgresUrlError(
      'the host, or the directory of a Unix socket, is missing or contains a space',
    );
  }
  return {
    host,
    port: parsePort(port),
    user: parameters.user ?? decode(groups.user ?? ''),
    password: parameters.password ?? decode(groups.password ?? ''),
    database: parameters.dbname ?? decode(groups.database ?? ''),
    parameters,
  };
}

/** The database of a connection. It defaults to the user name, and the user name to pg's default user. */
export function databaseName({ database, user }: PostgresUrl): string {
  return new pg.Client({ database, user }).database ?? '';
}

/**
 * The options of pg for a connection URL. Reads the certificate files that the URL names.
 *
 * @throws PostgresUrlError when the URL cannot be used.
 */
export function readPostgresUrl(text: string): ClientConfig {
  const { parameters, ...address } = parsePostgresUrl(text);
  const { application_name, connect_timeout, options, sslnegotiation, channel_binding } =
    parameters;
  // libpq does not use TLS on a Unix socket either.
  const ssl = address.host.startsWith('/') ? false : postgresTls(parameters);
  if (sslnegotiation === 'direct' && !ssl) {
    throw new PostgresUrlError('sslnegotiation=direct needs an sslmode with TLS');
  }
  return {
    ...address,
    ...(ssl !== undefined && { ssl }),
    ...(application_name !== undefined && { application_name }),
    ...(connect_timeout !== undefined && {
      connectionTimeoutMillis: parseConnectTimeout(connect_timeout) * 1000,
    }),
    ...(options !== undefined && { options }),
    ...(sslnegotiation === 'direct' && { sslnegotiation }),
    ...(channel_binding === 'require' && { enableChannelBinding: true }),
  };
}

function parseParameters(query: string): Partial<Record<string, string>> {
  decode(query);
  const parameters: Partial<Record<string, string>> = {};
  for (const [name, value] of new URLSearchParams(query)) {
    const accepted = PARAMETERS.get(name);
    if (accepted === undefined) {
      // A password that contains a question mark also leads here.
      throw new PostgresUrlError(
        /^[a-z_]{1,40}$/i.test(name)
          ? `the parameter ${name} is not supported`
          : 'a parameter is not supported (in a password, ? is written %3F)',
      );
    }
    if (name in parameters) {
      throw new PostgresUrlError(`${name} is given twice`);
    }
    if (value === '') {
      throw new PostgresUrlError(`${name} is empty`);
    }
    if (accepted !== 'any' && !accepted.includes(value)) {
      throw new PostgresUrlError(
        `${name}${accepted.length === 1 ? ' can only be' : ' must be one of'} ${accepted.join(', ')}`,
      );
    }
    parameters[name] = value;
  }
  return parameters;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new PostgresUrlError('a % that starts no escape must be written %25');
  }
}

function parsePort(text: string): number | undefined {
  if (text === '') {
    return undefined;
  }
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535) {
    throw new PostgresUrlError(
      'the port must be an integer from 1 to 65535 (in a password, / is written %2F and ? is written %3F)',
    );
  }
  return port;
}

function parseConnectTimeout(text: string): number {
  const seconds = Number(text);
  if (!/^\d{1,3}$/.test(text) || seconds < 1 || seconds > MAX_CONNECT_TIMEOUT_S) {
    throw new PostgresUrlError(
      `connect_timeout must be an integer from 1 to ${MAX_CONNECT_TIMEOUT_S} seconds`,
    );
  }
  return seconds;
}
