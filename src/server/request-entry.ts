import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import { overloaded } from '../problems/problem.js';
import { MAX_WAIT_MS } from '../resilience/admission-control.js';
import type { RateLimitGuard } from '../throttling/rate-limit.guard.js';
import type { AccessLog } from './access-log.js';
import { arrivalTime } from './arrival-time.js';
import type { ClientAddresses } from './client-address.js';
import type { CorsPolicy } from './cors.js';
import { hasValidHostHeader, invalidHostHeader } from './host-header.js';
import { methodNotAllowed } from './method-not-allowed.js';
import { notFound } from './not-found.js';
import { Pipeline } from './pipelining.js';
import { SECURITY_HEADERS } from './security-headers.js';
import { StartQueue } from './start-queue.js';

type Done = (error?: Error) => void;

/** Every request passes through here first, whether Nest, the documentation or an error answers it. */
export class RequestEntry {
  private readonly startQueue = new StartQueue();

  /** @param cors undefined when no other origin may read responses. */
  constructor(
    fastify: FastifyInstance,
    private readonly accessLog: AccessLog,
    private readonly clients: ClientAddresses,
    private readonly cors: CorsPolicy | undefined,
    private readonly rateLimit: RateLimitGuard,
  ) {
    fastify.decorateRequest('client', undefined);
    fastify.decorateRequest('arrivedAt', 0);
    fastify.server.on('connection', () => {
      this.startQueue.recordConnection();
    });
    // A server may ignore an unknown expectation (RFC 9110, section 10.1.1). Node would answer 417 without a body.
    fastify.server.on('checkExpectation', (request, response) => {
      fastify.server.emit('request', request, response);
    });
  }

  /**
   * Starts a request, and rejects it when no controller may have it.
   *
   * @param done continues with the request, or with the error to answer. It is not called for a request that is dropped
   * or answered here.
   * @param frameworkError why Fastify could not route the request.
   */
  enter(request: FastifyRequest, reply: FastifyReply, done: Done, frameworkError?: Error): void {
    const limitRate = (error?: Error): void => {
      this.limitRate(request, reply, done, error);
    };
    this.startRequest(request, reply, () => {
      if (!hasValidHostHeader(request.raw)) {
        limitRate(invalidHostHeader());
        return;
      }
      if (this.cors?.answerPreflight(request, reply) === true) return;
      if (performance.now() - request.arrivedAt > MAX_WAIT_MS) {
        done(overloaded('This process has more requests than it can answer in time.'));
        return;
      }
      const { allow, isDocumentation } = request.routeOptions.config;
      if (frameworkError !== undefined) limitRate(frameworkError);
      else if (request.is404) limitRate(notFound());
      else if (allow !== undefined) limitRate(methodNotAllowed(allow));
      else if (isDocumentation === true) limitRate();
      else done();
    });
  }

  /** Calls `start` when it is the turn of the request, and not at all when the request is dropped. */
  private startRequest(request: FastifyRequest, reply: FastifyReply, start: () => void): void {
    const { socket, headers } = request.raw;
    if (!Pipeline.of(socket).start(reply.raw)) return;
    // Now, because a closed connection no longer has an address.
    request.client = this.clients.of(socket.remoteAddress, headers['x-forwarded-for']);
    this.accessLog.observe(request, reply);
    reply.headers(SECURITY_HEADERS).header('x-request-id', request.id);
    this.cors?.setHeaders(request, reply);
    request.arrivedAt = arrivalTime();
    if (request.url.startsWith('/api/')) {
      this.startQueue.enter(() => {
        if (!reply.raw.closed) start();
      });
    } else {
      start();
    }
  }

  /** Counts a request that no guard of Nest sees against its client. A client over its limit gets `rate-limited`. */
  private limitRate(request: FastifyRequest, reply: FastifyReply, done: Done, error?: Error): void {
    this.rateLimit.consume(request, reply).then(() => {
      done(error);
    }, done);
  }
}
