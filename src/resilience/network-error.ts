/** The error codes of Node and undici in words. */
export const NETWORK_ERRORS: Readonly<Partial<Record<string, string>>> = {
  ENOTFOUND: 'the host name does not exist',
  EAI_AGAIN: 'the host name cannot be resolved now',
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was closed',
  ETIMEDOUT: 'the host does not answer',
  EHOSTUNREACH: 'there is no route to the host',
  ENETUNREACH: 'there is no route to the network',
  UND_ERR_SOCKET: 'the connection was closed',
  UND_ERR_CONNECT_TIMEOUT: 'the host does not answer',
  UND_ERR_HEADERS_OVERFLOW: 'the headers of the response are too large',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'the body does not have the length in Content-Length',
};

/** The reason for a failed TLS handshake. OpenSSL's message hides it: `…:SSL routines:ssl3_get_record:wrong version number:…`. */
export function tlsCause(error: Error): string | undefined {
  const { library, reason } = error as { library?: unknown; reason?: unknown };
  return typeof library === 'string' && typeof reason === 'string'
    ? `the TLS handshake failed: ${reason}`
    : undefined;
}

/** Describes an error of a connection or of an HTTP parser, without the host name that Node's own message has. */
export function describeNetworkError(error: Error): string {
  const { code } = error as { code?: unknown };
  const name = typeof code === 'string' ? code : error.name;
  // Node's parser errors have a code of llhttp, undici's have only a message.
  if (name === 'HTTPParserError' || name.startsWith('HPE_')) {
    return `the response is not valid HTTP (${/\((.+)\)$/.exec(error.message)?.[1] ?? name})`;
  }
  return `${NETWORK_ERRORS[name] ?? tlsCause(error) ?? 'the connection failed'} (${name})`;
}
