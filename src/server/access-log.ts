import type { FastifyReply, FastifyRequest } from 'fastify';

import { traceOf } from '../http/trace-context.js';
import type { ServiceLogger } from '../logging/logger.js';
import type { RequestMetrics } from '../metrics/request-metrics.js';

/** nginx's status of a request whose client closed the connection before the response. */
const CLIENT_CLOSED_REQUEST = 499;
/** Characters of a URL that are logged. */
const MAX_URL = 500;

/** Logs and measures each request when it ends. */
export class AccessLog {
  constructor(
    private readonly logger: ServiceLogger,
    private readonly metrics: RequestMetrics,
  ) {}

  /** Records a request once its response is sent or its client is gone. Fastify's onResponse hook misses the latter. */
  observe(request: FastifyRequest, reply: FastifyReply): void {
    reply.raw.once('close', () => {
      this.record(request, reply);
    });
  }

  private record(request: FastifyRequest, reply: FastifyReply): void {
    const { method, id: requestId, client } = request;
    const route = request.routeOptions.url;
    const status = reply.raw.writableFinished ? reply.statusCode : CLIENT_CLOSED_REQUEST;
    const durationMs = Math.round(reply.elapsedTime * 1000) / 1000;
    this.metrics.observe({ method, route, status, durationMs });
    this.logger.request({
      // A dependency that fails logs the reason itself, so a 503 is only a warning.
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
}
