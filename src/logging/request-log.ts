import { Injectable, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';

import { Environment } from '../config/environment.js';
import { traceOf } from '../http/trace-context.js';
import { RequestMetrics } from '../metrics/request-metrics.js';
import type { ProblemDocument } from '../problems/problem-document.js';

/** The status of a request whose client has gone before it was answered, as nginx has it. */
const CLIENT_GONE = 499;
/** Of what a client asks for, so much is logged. */
const MAX_URL = 500;

/** Logs and measures every request once it is over, however it ended. */
@Injectable()
export class RequestLog {
  private readonly logger = new Logger('http');
  /** Whether a line is for people. */
  private readonly readable: boolean;

  constructor(
    { NODE_ENV }: Environment,
    private readonly metrics: RequestMetrics,
  ) {
    this.readable = NODE_ENV === 'development';
  }

  /** To be called as soon as there is a request. */
  follow(request: FastifyRequest, reply: FastifyReply): void {
    // Read now: the connection forgets it when the client hangs up.
    const client = request.ip;
    // Not Fastify's onResponse, which never comes when the client has gone.
    reply.raw.once('close', () => {
      this.record(request, reply, client);
    });
  }

  /** Records bytes that were no request. */
  recordBroken(answered: ProblemDocument | undefined, { code }: NodeJS.ErrnoException): void {
    if (answered === undefined) {
      return;
    }
    const { requestId, status } = answered;
    this.logger.log(
      this.readable ? `What came is no request: ${code}` : { requestId, status, fault: code },
    );
  }

  private record(request: FastifyRequest, reply: FastifyReply, client: string): void {
    const { method, id: requestId } = request;
    const route = request.routeOptions.url;
    const url = request.url.slice(0, MAX_URL);
    const [path = ''] = url.split('?', 1);
    const status = reply.raw.writableFinished ? reply.statusCode : CLIENT_GONE;
    const durationMs = Math.round(reply.elapsedTime * 1000) / 1000;
    this.metrics.observe({ method, route, status, durationMs });
    const { traceparent } = traceOf(request.headers) ?? {};
    // What a client did wrong is no fault of ours, and what a dependency did is told by itself as well.
    this.logger[status < 500 ? 'log' : status === 503 ? 'warn' : 'error'](
      this.readable
        ? `${method} ${url} ${status} ${durationMs} ms`
        : { requestId, method, path, route, status, durationMs, client, traceparent },
    );
  }
}
