import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyHttpOptions, FastifyReply, FastifyRequest, RawServerDefault } from 'fastify';
import { randomUUID } from 'node:crypto';

import { setUpDocs } from './openapi.js';
import { AppModule } from '../app.module.js';
import { loadEnvironment } from '../config/environment.js';
import { ClientAddresses } from './client-address.js';
import { CrossOriginPolicy } from './cross-origin.js';
import { hasValidHostHeader } from './host-header.js';
import { Pipeline } from './pipelining.js';
import { readRawBodies } from './raw-body.js';
import type { QueryString } from '../http/query-string.js';
import { createLogger } from '../logging/logger.js';
import { AccessLog } from './access-log.js';
import { RequestMetrics } from '../metrics/request-metrics.js';
import { arrivalTime } from './arrival-time.js';
import { MAX_WAIT_MS } from '../resilience/admission-control.js';
import { StartQueue } from './start-queue.js';
import { replyToClientError } from './client-errors.js';
import { refuseOtherMethods } from './method-not-allowed.js';
import { overloaded, Problem } from '../problems/problem.js';
import { ProblemFilter } from '../problems/problem.filter.js';
import { RateLimitGuard } from '../throttling/rate-limit.guard.js';

const REQUEST_TIMEOUT_MS = 15_000;
const CONNECTION_CHECK_MS = 1000;
const IDLE_SOCKET_TIMEOUT_MS = 60_000;
const MAX_PATH_PARAMETER = 100;

/**
 * For caches, which may keep only pages of the catalogue and static files: those replace `Cache-Control`. For browsers,
 * to which nothing here is a page, a frame or a script. Pages at `/docs` have a policy of their
 * own. In small letters, as all names that are set for each request: Fastify would make small ones of them each time.
 */
const DEFAULT_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/**
 * Puts the whole service together, short of listening.
 *
 * @throws InvalidEnvironmentError when a variable is missing or bad.
 */
export async function createApp(): Promise<NestFastifyApplication> {
  // Before there are modules, because the server needs its settings as it is made.
  const environment = loadEnvironment();
  const logger = createLogger(environment);
  const clients = new ClientAddresses(environment.TRUST_PROXY);
  const crossOrigin = environment.CORS_ORIGINS && new CrossOriginPolicy(environment.CORS_ORIGINS);
  const options: FastifyHttpOptions<RawServerDefault> = {
    genReqId: ({ headers }) => requestId(headers['x-request-id']),
    // A missing Host is refused below, as a problem.
    http: {
      requireHostHeader: false,
      // Node takes the longer of the two for both, and looks only twice a minute unless told.
      headersTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: CONNECTION_CHECK_MS,
    },
    requestTimeout: REQUEST_TIMEOUT_MS,
    // Applies while a request arrives or is answered; between two requests Node applies keepAliveTimeout.
    connectionTimeout: IDLE_SOCKET_TIMEOUT_MS,
    keepAliveTimeout: environment.KEEP_ALIVE_TIMEOUT_MS,
    // While draining, a request on a connection that is still open is answered, not refused.
    return503OnClosing: false,
    routerOptions: {
      maxParamLength: MAX_PATH_PARAMETER,
      querystringParser: (encoded): Record<string, unknown> & QueryString => ({ encoded }),
    },
    // No hook is run for these.
    frameworkErrors: (error, request, response) => {
      begin(request, response, () => {
        if (crossOrigin?.answerPreflight(request, response) !== true) {
          reject(error, request, response, (fault) => {
            app.get(ProblemFilter).answer(fault, request, response);
          });
        }
      });
    },
    clientErrorHandler: (error, socket) => {
      Pipeline.of(socket).fail(() => {
        accessLog.logClientError(replyToClientError(error, socket), error);
      });
    },
  };
  const adapter = new FastifyAdapter(options);
  const fastify = adapter.getInstance();
  readRawBodies(fastify);
  fastify.decorateRequest('client', undefined);
  fastify.decorateRequest('arrivedAt', 0);
  // An expectation that nobody knows may be ignored (RFC 9110, section 10.1.1); Node would refuse it bare.
  fastify.server.on('checkExpectation', (request, response) => {
    fastify.server.emit('request', request, response);
  });
  const charge = (request: FastifyRequest, reply: FastifyReply): Promise<void> =>
    app.get(RateLimitGuard).consume(request, reply);
  /** Charges the client for a request that no route gets, and then hands on its fault, or `rate-limited`. */
  const reject = (
    fault: Error,
    request: FastifyRequest,
    reply: FastifyReply,
    handOn: (fault: Error) => void,
  ): void => {
    charge(request, reply).then(() => {
      handOn(fault);
    }, handOn);
  };
  const refuse = refuseOtherMethods(fastify, charge);

  const app = await NestFactory.create<NestFastifyApplication>(AppModule, adapter, {
    abortOnError: false,
    bodyParser: false,
    logger,
  });
  const accessLog = new AccessLog(logger, app.get(RequestMetrics));
  const startQueue = new StartQueue();
  fastify.server.on('connection', () => {
    startQueue.recordConnection();
  });
  /** What every request begins with that is let in, whatever becomes of it. */
  const begin = (request: FastifyRequest, response: FastifyReply, start: () => void): void => {
    const pipeline = Pipeline.of(request.raw.socket);
    if (!pipeline.admits()) {
      return;
    }
    const { socket, headers } = request.raw;
    // Read now: the connection forgets it when the client hangs up.
    request.client = clients.of(socket.remoteAddress, headers['x-forwarded-for']);
    // Not Fastify's onResponse, which never comes when the client has gone.
    response.raw.once('close', () => {
      pipeline.leave(response.raw);
      accessLog.record(request, response);
    });
    response.headers(DEFAULT_HEADERS).header('x-request-id', request.id);
    crossOrigin?.setHeaders(request, response);
    if ('upgrade' in request.headers) {
      // There is nothing to upgrade to, but Node's parser has thrown away what came along with it: who waits for an
      // answer to that is not to take the next one for it.
      response.header('connection', 'close');
    }
    pipeline.enter(response.raw, () => {
      request.arrivedAt = arrivalTime();
      if (!request.url.startsWith('/api/')) {
        start();
        return;
      }
      startQueue.enter(() => {
        if (!response.raw.closed) start();
      });
    });
  };
  // Before what Nest answers by itself: targets that are no path.
  adapter.setOnRequestHook((request, response, done) => {
    begin(request, response, () => {
      if (!hasValidHostHeader(request.raw)) {
        const fault = new Problem('malformed-request', 'The request has to have one Host header.');
        reject(fault, request, response, done);
      } else if (crossOrigin?.answerPreflight(request, response) === true) {
        return;
      } else if (isLate(request)) {
        done(overloaded('This process has more requests than it can answer in time.'));
      } else if (request.is404) {
        // Told before a body is read, whose faults would be no help to anyone here.
        const fault = new Problem('not-found', 'No resource has this path.');
        reject(fault, request, response, done);
      } else {
        done();
      }
    });
  });
  app.enableShutdownHooks(['SIGTERM', 'SIGINT'], { useProcessExit: true });
  if (environment.DOCS_ENABLED) {
    setUpDocs(app, environment.CURRENCY, charge);
  }
  await app.init();
  refuse();
  return app;
}

/** Whether a request waited too long for this process. */
function isLate({ arrivedAt }: FastifyRequest): boolean {
  return performance.now() - arrivedAt > MAX_WAIT_MS;
}

/** The client's own id for its request when it is a sane one, so that both logs can be joined. */
function requestId(given: string | string[] | undefined): string {
  return typeof given === 'string' && /^[\w.:-]{1,100}$/.test(given) ? given : randomUUID();
}
