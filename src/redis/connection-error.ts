import type { RedisOptions } from 'ioredis';

import { urlHost } from '../http/url-host.js';
import { NETWORK_ERRORS, tlsCause } from '../resilience/network-error.js';

/** Codes of a handshake without a reply, as from a server that expects TLS, or does not. */
const NO_REPLY = new Set(['ETIMEDOUT', 'ECONNRESET', 'EPIPE']);

/** Host and port of a server for the log. */
export function addressOf({ host = 'localhost', port = 6379 }: RedisOptions): string {
  return `${urlHost(host)}:${port}`;
}

/** Describes an error that is not a reply, for the log. */
export function describeError({ name, message, code }: NodeJS.ErrnoException): string {
  if (name === 'MaxRetriesPerRequestError') return 'the connection was closed';
  return code === undefined ? message : `${NETWORK_ERRORS[code] ?? message} (${code})`;
}

/** Describes an error from before the connection is ready, with a hint where the scheme of `REDIS_URL` can be wrong. */
export function describeConnectError(error: NodeJS.ErrnoException, { tls }: RedisOptions): string {
  const { name, code = '' } = error;
  if (tls !== undefined) {
    const cause =
      tlsCause(error) ??
      (NO_REPLY.has(code) ? 'the server does not complete the TLS handshake' : undefined);
    return cause === undefined
      ? describeError(error)
      : `${cause} (${code}); if the server does not use TLS, REDIS_URL must start with redis://`;
  }
  // A server that expects TLS sends a TLS alert and closes the connection.
  return name === 'MaxRetriesPerRequestError' || name === 'ParserError' || code === 'ECONNRESET'
    ? 'the server does not complete the handshake; if it uses TLS, REDIS_URL must start with rediss://'
    : describeError(error);
}
