import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';

import {
  describeProblem,
  PROBLEM_MEDIA_TYPE,
  type ProblemDocument,
  toProblem,
} from '../problems/problem-document.js';

/** Node's parser errors that have a status of their own; the others are a plain 400. */
const STATUS_OF: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** How long what still comes is read and thrown away after the answer. */
const LINGER_MS = 1000;

/**
 * Answers bytes that are no HTTP request, for which neither Fastify nor Nest is asked, and hangs up.
 *
 * @returns what was answered; undefined when nobody is there any more.
 */
export function replyToClientError(
  error: NodeJS.ErrnoException,
  socket: Socket,
): ProblemDocument | undefined {
  if (!socket.writable) {
    return undefined;
  }
  const requestId = randomUUID();
  const problem = toProblem({ statusCode: STATUS_OF[error.code ?? ''] ?? 400 });
  const document = describeProblem(problem, { url: '', requestId });
  const body = JSON.stringify(document);
  socket.end(
    [
      `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}`,
      `Date: ${new Date().toUTCString()}`,
      `Content-Type: ${PROBLEM_MEDIA_TYPE}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
      `X-Request-Id: ${requestId}`,
      'Cache-Control: no-store',
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
    () => {
      // Closed with something unread the connection would be reset, and with it what is on its way (RFC 9112, section 9.6).
      socket.resume();
      setTimeout(() => socket.destroy(), LINGER_MS).unref();
    },
  );
  return document;
}
