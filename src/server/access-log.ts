import type { FastifyReply, FastifyRequest } from 'fastify';

import { traceOf } from '../http/trace-context.js';
import type { RequestMetrics } from '../metrics/request-metrics.js';
import type { ProblemDocument } from '../problems/problem-document.js';
import type { ServiceLogger } from '../logging/logger.js';

/** The status of a request whose client has gone before it was answered, as nginx has it. */
const CLIENT_GONE = 499;
/** Of what a client asks for, so much is logged. */
const MAX_URL = 500;

/** Logs and measures each request once it is over. */
export class AccessLog {
  constructor(
    private readonly logger: ServiceLogger,
    private readonly metrics: RequestMetrics,
  ) {}

  /** Records a request that was answered, or whose client has gone. */
  record(request: FastifyRequest, reply: FastifyReply): void {
    const { method, id: requestId, client } = request;
    const route = request.routeOptions.url;
    const status = reply.raw.writableFinished ? reply.statusCode : CLIENT_GONE;
    const durationMs = Math.round(reply.elapsedTime * 1000) / 1000;
    this.metrics.observe({ method, route, status, durationMs });
    this.logger.request({
      // What a client did wrong is no fault of ours, and what a dependency did is told by itself as well.
      level: status < 500 ? 'info' : status === 503 ? 'warn' : 'error',
      requestId,
      status,
      method,
      url: request.url.slice(0, MAX_URL),
      route,
      durationMs,
      client,
      traceparent: traceOf(request.headers)?.traceparent,
    });
  }

  /** Records bytes that were no request. */
  logClientError(answered: ProblemDocument | undefined, { code }: NodeJS.ErrnoException): void {
    if (answered !== undefined) {
      const { requestId, status } = answered;
      this.logger.request({ level: 'info', requestId, status, fault: code });
    }
  }
}
