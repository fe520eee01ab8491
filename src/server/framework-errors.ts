import type { FastifyInstance, FastifyReply } from 'fastify';

import type { ProblemFilter } from '../problems/problem.filter.js';
import type { RequestEntry } from './request-entry.js';

declare module 'fastify' {
  interface FastifyInstance {
    handleFrameworkError(error: Error, request: FastifyRequest, reply: FastifyReply): void;
  }
}

/** Answers malformed and too long paths as problems. Fastify cannot route them and runs no hook for them. */
export function handleFrameworkErrors(
  fastify: FastifyInstance,
  entry: RequestEntry,
  problems: ProblemFilter,
): void {
  fastify.decorate('handleFrameworkError', (frameworkError, request, reply) => {
    entry.enter(
      request,
      reply,
      (error = frameworkError) => {
        problems.answer(error, request, reply);
      },
      frameworkError,
    );
  });
}
