import type { RedisOptions } from 'ioredis';

import { NETWORK_ERRORS, tlsCause } from '../resilience/network-error.js';

/** Codes of a handshake that gets no reply or a closed connection, as from a server that does not use the same scheme. */
const UNFINISHED = new Set(['ETIMEDOUT', 'ECONNRESET', 'EPIPE']);

/** Host and port of a server, without user and password. */
export function addressOf({ host = 'localhost', port = 6379 }: RedisOptions): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** The cause of a failure that is no reply. */
export function describeError({ name, message, code }: NodeJS.ErrnoException): string {
  if (name === 'MaxRetriesPerRequestError') return 'the connection was closed';
  return code === undefined ? message : `${NETWORK_ERRORS[code] ?? message} (${code})`;
}

/** The same before the connection is ready, with a hint where the scheme of the URL can be the reason. */
export function describeConnectError(error: NodeJS.ErrnoException, { tls }: RedisOptions): string {
  const { name, code = '' } = error;
  if (tls !== undefined) {
    const cause =
      tlsCause(error) ??
      (UNFINISHED.has(code) ? 'the server does not complete the TLS handshake' : undefined);
    return cause === undefined
      ? describeError(error)
      : `${cause} (${code}); if the server does not use TLS, REDIS_URL must start with redis://`;
  }
  // A server with TLS closes the connection, and sends a TLS alert before that.
  return name === 'MaxRetriesPerRequestError' || name === 'ParserError' || code === 'ECONNRESET'
    ? 'the server does not complete the handshake; if it uses TLS, REDIS_URL must start with rediss://'
    : describeError(error);
}
