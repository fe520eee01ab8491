import type { FastifyHttpOptions, RawServerDefault } from 'fastify';

import type { Environment } from '../config/environment.js';
import type { QueryString } from '../http/query-string.js';
import type { ServiceLogger } from '../logging/logger.js';
import { handleClientError } from './client-errors.js';
import { requestId } from './request-id.js';

/** Milliseconds in which a whole request has to arrive. */
const REQUEST_TIMEOUT_MS = 15_000;
const CONNECTION_CHECK_MS = 1000;
const IDLE_SOCKET_TIMEOUT_MS = 60_000;
const MAX_PATH_PARAMETER = 100;

/** The timeouts and limits of the HTTP server. The limit of a body is in `raw-body.ts`. */
export function fastifyOptions(
  { KEEP_ALIVE_TIMEOUT_MS }: Environment,
  logger: ServiceLogger,
): FastifyHttpOptions<RawServerDefault> {
  return {
    genReqId: requestId,
    http: {
      // RequestEntry rejects a request without Host, with a problem.
      requireHostHeader: false,
      // Node applies the longer of headersTimeout and requestTimeout to both.
      headersTimeout: REQUEST_TIMEOUT_MS,
      // Node's default is 30 s: a timeout would be noticed that late.
      connectionsCheckingInterval: CONNECTION_CHECK_MS,
    },
    requestTimeout: REQUEST_TIMEOUT_MS,
    // Applies while a request arrives or is answered; between two requests Node applies keepAliveTimeout.
    connectionTimeout: IDLE_SOCKET_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    // Requests on open connections are answered until the server closes.
    return503OnClosing: false,
    routerOptions: {
      maxParamLength: MAX_PATH_PARAMETER,
      querystringParser: (encoded): Record<string, unknown> & QueryString => ({ encoded }),
    },
    frameworkErrors: (error, request, reply) => {
      request.server.handleFrameworkError(error, request, reply);
    },
    clientErrorHandler: (error, socket) => {
      handleClientError(error, socket, logger);
    },
  };
}
