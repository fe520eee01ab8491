import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';

import type { ServiceLogger } from '../logging/logger.js';
import { describeProblem, PROBLEM_MEDIA_TYPE, toProblem } from '../problems/problem-document.js';
import { lingeringClose } from './lingering-close.js';
import { Pipeline } from './pipelining.js';

/** Node's errors that have a status of their own; the status of the others is 400. */
const STATUS_OF: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** Handles bytes that are not an HTTP request, and requests that do not arrive in time. Fastify sees neither. */
export function handleClientError(
  error: NodeJS.ErrnoException,
  socket: Socket,
  logger: ServiceLogger,
): void {
  Pipeline.of(socket).handleParseError(() => {
    replyToClientError(error, socket, logger);
  });
}

function replyToClientError(
  { code = '' }: NodeJS.ErrnoException,
  socket: Socket,
  logger: ServiceLogger,
): void {
  const requestId = randomUUID();
  const problem = toProblem({ statusCode: STATUS_OF[code] ?? 400 });
  const { status } = problem;
  const body = JSON.stringify(describeProblem(problem, { url: '', requestId }));
  lingeringClose(
    socket,
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
      `Date: ${new Date().toUTCString()}`,
      `Content-Type: ${PROBLEM_MEDIA_TYPE}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
      `X-Request-Id: ${requestId}`,
      'Cache-Control: no-store',
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
  );
  logger.request({ level: 'info', requestId, status, fault: code });
}
