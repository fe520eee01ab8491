import type { ClientConfig } from 'pg';

import { postgresTls } from './postgres-tls.js';
import { PostgresUrlError } from './postgres-url.error.js';

/** The parts of a connection URL, decoded. A parameter such as `host` replaces the part before the question mark. */
export interface PostgresUrl {
  /** A name, an IP address, or the directory of a Unix socket. */
  readonly host: string;
  readonly port: number | undefined;
  /** Empty when the URL has none, as are the next two. */
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly parameters: Readonly<Partial<Record<string, string>>>;
}

const SHAPE =
  /^postgres(?:ql)?:\/\/(?:(?<user>[^:/?#]*)(?::(?<password>[^/?#]*))?@)?(?<host>\[[^\]/?#]*\]|[^:/?#]*)(?::(?<port>[^/?#]*))?(?:\/(?<database>[^?#]*))?(?:\?(?<query>[^#]*))?$/i;

const MAX_CONNECT_TIMEOUT_S = 600;

/**
 * Supported parameters, some with the only values that are accepted. All others are refused, because to ignore one,
 * or a misspelt one, could weaken the connection.
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
    // prefer and allow are missing: both may fall back to plain text.
    sslmode: ['disable', 'require', 'verify-ca', 'verify-full', 'no-verify'],
    ssl: ['true'],
    sslrootcert: 'any',
    sslcert: 'any',
    sslkey: 'any',
    sslnegotiation: ['postgres', 'direct'],
    uselibpqcompat: ['true', 'false'],
    channel_binding: ['disable', 'prefer', 'require'],
    gssencmode: ['disable', 'prefer'],
    // One address cannot choose between servers.
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
      text.includes('#') ? 'a # has to be written %23' : 'it is no URL of this form',
    );
  }
  const parameters = parseParameters(groups.query ?? '');
  const host = parameters.host ?? decode(groups.host ?? '').replace(/^\[(.*)\]$/, '$1');
  const port = parameters.port ?? groups.port ?? '';
  if (host.includes(',') || port.includes(',')) {
    throw new PostgresUrlError(
      'several hosts are not supported: give one address that always leads to the primary',
    );
  }
  if (host === '' || /\s/.test(host)) {
    throw new PostgresUrlError(
      'the host, or the directory of a Unix socket, is missing or has a space in it',
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

/**
 * The pg options for a connection URL. It reads the certificates that the URL names.
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
      // A password with a question mark in it also ends up here.
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
        `${name}${accepted.length === 1 ? ' can only be' : ' is one of'} ${accepted.join(', ')}`,
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
    throw new PostgresUrlError('a % that starts no escape has to be written %25');
  }
}

function parsePort(text: string): number | undefined {
  if (text === '') {
    return undefined;
  }
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535) {
    throw new PostgresUrlError(
      'the port is an integer from 1 to 65535 (in a password, / is written %2F and ? is written %3F)',
    );
  }
  return port;
}

function parseConnectTimeout(text: string): number {
  const seconds = Number(text);
  if (!/^\d{1,3}$/.test(text) || seconds < 1 || seconds > MAX_CONNECT_TIMEOUT_S) {
    throw new PostgresUrlError(
      `connect_timeout is an integer from 1 to ${MAX_CONNECT_TIMEOUT_S} seconds`,
    );
  }
  return seconds;
}
