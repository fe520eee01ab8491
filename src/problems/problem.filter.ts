import { type ArgumentsHost, Catch, type ExceptionFilter, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import pg from 'pg';
import { Counter, Registry } from 'prom-client';

import { Environment } from '../config/environment.js';
import { describeProblem, PROBLEM_MEDIA_TYPE, toProblem } from './problem-document.js';

/** Answers every error as an RFC 9457 problem, and keeps the stack of an unforeseen one in the log. */
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
      help: 'Requests that were answered with a problem, by the last part of its type.',
      labelNames: ['type'],
      registers: [registry],
    });
  }

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.answer(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  /** The same for an error that Fastify meets before it knows a route. */
  answer(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const problem = toProblem(error);
    this.problems.inc({ type: problem.slug });
    if (problem.slug === 'internal-error') {
      this.logger.error({ requestId: request.id, ...trace(error) });
    } else {
      // What a client did wrong is no news, and a dependency reports its own outage.
      const { slug, detail, cause } = problem;
      this.logger.debug({ requestId: request.id, problem: slug, detail, ...trace(cause) });
    }
    const document = describeProblem(problem, { url: request.url, requestId: request.id });
    const stack = this.environment.NODE_ENV === 'development' ? trace(error) : {};
    void reply
      .status(problem.status)
      .headers(problem.headers)
      .type(PROBLEM_MEDIA_TYPE)
      .send(JSON.stringify({ ...document, ...stack }));
  }
}

/** Where an error came from. PostgreSQL's message is left out, for it may quote a query's values. */
function trace(error: unknown): { stack?: string; code?: string } {
  if (error instanceof pg.DatabaseError) {
    const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
    return { code: error.code ?? 'unknown', stack: ['DatabaseError', ...frames].join('\n') };
  }
  return error instanceof Error && error.stack !== undefined ? { stack: error.stack } : {};
}
