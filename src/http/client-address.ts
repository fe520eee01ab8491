import type { FastifyRequest } from 'fastify';
import { isIP } from 'node:net';

declare module 'fastify' {
  interface FastifyRequest {
    /** {@link clientAddress}, read once: at each look Fastify asks all proxies anew. */
    client: string | undefined;
  }
}

/**
 * Whom a proxy that is trusted names. Some add the port, which changes with every connection; where there is no
 * address at all, it is the proxy itself. Undefined when the client has gone already.
 */
export function clientAddress({ ip, socket }: FastifyRequest): string | undefined {
  if (isIP(ip) !== 0) {
    return ip;
  }
  const [, address = ''] =
    /^\[([\da-f:.]+)\](?::\d+)?$/i.exec(ip) ?? /^(\d+(?:\.\d+){3}):\d+$/.exec(ip) ?? [];
  return isIP(address) === 0 ? socket.remoteAddress : address;
}
