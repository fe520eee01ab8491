/** What the error codes of a connection mean, in words. */
export const NETWORK_ERRORS: Readonly<Partial<Record<string, string>>> = {
  ENOTFOUND: 'the host name does not exist',
  EAI_AGAIN: 'the host name cannot be resolved now',
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was closed',
  ETIMEDOUT: 'the host does not answer',
  EHOSTUNREACH: 'there is no route to the host',
  ENETUNREACH: 'there is no route to the network',
};

/** The reason that OpenSSL gives for a failed handshake. The message buries it: `…:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:…`. */
export function tlsCause(error: Error): string | undefined {
  const { library, reason } = error as { library?: unknown; reason?: unknown };
  return typeof library === 'string' && typeof reason === 'string'
    ? `the TLS handshake failed: ${reason}`
    : undefined;
}
