import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { METHODS } from 'node:http';

import { Problem } from '../problems/problem.js';

/** CONNECT never gets as far as a route. */
const ROUTABLE = METHODS.filter((method) => method !== 'CONNECT');

/**
 * Answers 405 with `Allow` where a path exists but not for the method. Fastify itself would say 404.
 *
 * @param charge counts such a request against its client.
 * @returns what to call once all routes stand and before the server listens.
 */
export function refuseOtherMethods(
  fastify: FastifyInstance,
  charge: (request: FastifyRequest, reply: FastifyReply) => Promise<void>,
): () => void {
  for (const method of ROUTABLE) {
    if (!fastify.supportedMethods.includes(method)) {
      fastify.addHttpMethod(method);
    }
  }
  const routes = new Map<string, Set<string>>();
  fastify.addHook('onRoute', ({ url, method }) => {
    routes.set(url, new Set([...(routes.get(url) ?? []), method].flat()));
  });
  return () => {
    for (const [url, answered] of [...routes]) {
      const others = ROUTABLE.filter((method) => !answered.has(method));
      const allow = [...answered].join(', ');
      const refuse = (): never => {
        throw new Problem('method-not-allowed', `This resource answers ${allow}.`, {
          headers: { Allow: allow },
        });
      };
      // Refused before the body is read: its size or form does not matter any more.
      if (url !== '*' && url !== '/*' && others.length > 0) {
        fastify.route({ url, method: others, onRequest: [charge, refuse], handler: refuse });
      }
    }
  };
}
