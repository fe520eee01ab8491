import pg from 'pg';
import { isNativeError } from 'node:util/types';

import { databaseName, parsePostgresUrl } from '../config/postgres-url.js';
import { urlHost } from '../http/url-host.js';
import { NETWORK_ERRORS, tlsCause } from '../resilience/network-error.js';

const DEFAULT_PORT = 5432;
const UNTRUSTED =
  'the certificate comes from an authority that is not trusted; sslrootcert can name a file with its root';

/** Causes of a failed connection by the error codes of Node.js. */
const CAUSES: Readonly<Partial<Record<string, string>>> = {
  ...NETWORK_ERRORS,
  ENOENT: 'there is no such socket',
  EACCES: 'this user has no access to the socket',
  DEPTH_ZERO_SELF_SIGNED_CERT:
    'the certificate is self-signed; sslrootcert can name a file with it',
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  CERT_HAS_EXPIRED: 'the certificate has expired',
  CERT_NOT_YET_VALID: 'the certificate is not valid yet',
};

/** Causes by the messages of pg's errors, which have no code. */
const MESSAGES: readonly [RegExp, string][] = [
  [
    /timeout expired|due to connection timeout|timeout exceeded/,
    'no connection within the timeout',
  ],
  [/^Connection terminated/, 'the server closed the connection'],
  [/password must be a/, 'the server requires a password, and the URL has none'],
];

/** A server and its database for the log. */
export function serverName(url: string): string {
  const parts = parsePostgresUrl(url);
  const { host, port = DEFAULT_PORT } = parts;
  const database = databaseName(parts);
  const address = host.startsWith('/') ? `${host}/.s.PGSQL.${port}` : `${urlHost(host)}:${port}`;
  return `PostgreSQL at ${address}${database === '' ? '' : `, database ${database}`}`;
}

/** Describes the cause of an error for the log, with its code and without a full stop. */
export function causeOf(error: unknown): string {
  if (!isNativeError(error)) {
    return 'unknown error';
  }
  const { code } = error as { code?: unknown };
  const message = error.message.replaceAll(/\s+/g, ' ').replace(/\.$/, '');
  if (typeof code !== 'string') {
    return MESSAGES.find(([pattern]) => pattern.test(message))?.[1] ?? message;
  }
  // PostgreSQL's own messages describe the cause already.
  const words = error instanceof pg.DatabaseError ? message : (CAUSES[code] ?? tlsCause(error));
  return `${words ?? message} (${code})`;
}
