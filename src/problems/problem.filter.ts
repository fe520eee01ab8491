import { type ArgumentsHost, Catch, type ExceptionFilter, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import pg from 'pg';
import { Counter, Registry } from 'prom-client';

import { Environment } from '../config/environment.js';
import { describeProblem, PROBLEM_MEDIA_TYPE, toProblem } from './problem-document.js';

/** Answers every error as an RFC 9457 problem, and logs the stack of an internal error. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger(ProblemFilter.name);

  private readonly problems: Counter<'type'>;

  constructor(
    private readonly environment: Environment,
    registry: Registry,
  ) {
    this.problems = new Counter({
      name: 'farmlokal_problems_total',
      help: 'Responses with a problem, by the last part of its type.',
      labelNames: ['type'],
      registers: [registry],
    });
  }

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.answer(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  /** Answers an error that Nest does not see. */
  answer(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const problem = toProblem(error);
    this.problems.inc({ type: problem.slug });
    if (problem.slug === 'internal-error') {
      this.logger.error({ requestId: request.id, ...stackOf(error) });
    } else {
      // At debug, because the client gets the error and a dependency logs its own failure.
      const { slug, detail, cause } = problem;
      this.logger.debug({ requestId: request.id, problem: slug, detail, ...stackOf(cause) });
    }
    const document = describeProblem(problem, { url: request.url, requestId: request.id });
    const stack = this.environment.NODE_ENV === 'development' ? stackOf(error) : {};
    void reply
      .status(problem.status)
      .headers(problem.headers)
      .type(PROBLEM_MEDIA_TYPE)
      .send(JSON.stringify({ ...document, ...stack }));
  }
}

/** The stack of an error. Without PostgreSQL's message, which may contain the values of a query. */
function stackOf(error: unknown): { stack?: string; code?: string } {
  if (error instanceof pg.DatabaseError) {
    const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
    return { code: error.code ?? 'unknown', stack: ['DatabaseError', ...frames].join('\n') };
  }
  return error instanceof Error && error.stack !== undefined ? { stack: error.stack } : {};
}
