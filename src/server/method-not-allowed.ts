import type { FastifyInstance } from 'fastify';
import { METHODS } from 'node:http';

import { Problem } from '../problems/problem.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The methods of the path, on a route for the methods that the path does not have. */
    allow?: string;
  }
}

/** Node does not emit a request for CONNECT. */
const ROUTABLE = METHODS.filter((method) => method !== 'CONNECT');

/** The methods of each path. */
export type Routes = ReadonlyMap<string, ReadonlySet<string>>;

/** Collects the routes that are added from now on. */
export function collectRoutes(fastify: FastifyInstance): Routes {
  const routes = new Map<string, Set<string>>();
  fastify.addHook('onRoute', ({ url, method }) => {
    routes.set(url, new Set([...(routes.get(url) ?? []), method].flat()));
  });
  return routes;
}

/** Adds a route for the methods that a path does not have. Without it Fastify would answer 404. */
export function addOtherMethods(fastify: FastifyInstance, routes: Routes): void {
  for (const method of ROUTABLE) {
    if (!fastify.supportedMethods.includes(method)) fastify.addHttpMethod(method);
  }
  for (const [url, methods] of [...routes]) {
    const others = ROUTABLE.filter((method) => !methods.has(method));
    if (url !== '*' && url !== '/*' && others.length > 0) {
      const allow = [...methods].join(', ');
      const handler = (): never => {
        throw methodNotAllowed(allow);
      };
      fastify.route({ url, method: others, config: { allow }, handler });
    }
  }
}

/** The problem of a request to such a route. RequestEntry rejects it before the body is read. */
export function methodNotAllowed(allow: string): Problem {
  return new Problem('method-not-allowed', `This resource answers ${allow}.`, {
    headers: { Allow: allow },
  });
}
