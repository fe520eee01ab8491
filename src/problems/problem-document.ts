import { HttpException, HttpStatus, NotFoundException } from '@nestjs/common';

import { DatabaseOverloadedError } from '../database/database-overloaded.error.js';
import { DatabaseUnavailableError } from '../database/database-unavailable.error.js';
import { PROBLEM_TYPES, type ProblemSlug } from './problem-types.js';
import { dependencyUnavailable, overloaded, Problem, type ParameterFault } from './problem.js';

/** Media type of every error body (RFC 9457). */
export const PROBLEM_MEDIA_TYPE = 'application/problem+json; charset=utf-8';

/** The body of every error. */
export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly requestId: string;
  readonly errors?: readonly ParameterFault[];
  readonly stack?: string;
}

/** The request that has a problem. */
export interface Occurrence {
  /** The request's target. The document leaves out its query. */
  readonly url: string;
  readonly requestId: string;
}

const INTERNAL = new Problem(
  'internal-error',
  'The log has the error under this requestId; quote it when you report the error.',
);

/** Details of errors that Node or Fastify finds. */
const DETAILS = new Map<number, string>([
  [HttpStatus.NOT_FOUND, 'No resource has this path.'],
  [HttpStatus.REQUEST_TIMEOUT, 'The request did not arrive in time.'],
  [HttpStatus.PRECONDITION_FAILED, 'The precondition is false.'],
  [HttpStatus.REQUESTED_RANGE_NOT_SATISFIABLE, 'There is no such range.'],
  [HttpStatus.PAYLOAD_TOO_LARGE, 'The body is larger than this resource takes.'],
  [HttpStatus.URI_TOO_LONG, 'A part of the path is too long.'],
  [HttpStatus.UNSUPPORTED_MEDIA_TYPE, 'The body has to be application/json.'],
  [431, 'The headers or the path are larger than 16 KiB, or there are too many headers.'],
]);

/**
 * The problem of an error. A {@link Problem} is unchanged, a database that does not answer becomes a 503, and a client
 * error of the framework becomes the problem of its status. Any other error becomes `internal-error` without its message.
 */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) {
    return error;
  }
  if (error instanceof DatabaseUnavailableError) {
    return dependencyUnavailable(error.message, { cause: error.cause });
  }
  if (error instanceof DatabaseOverloadedError) {
    return overloaded(error.message, { cause: error.cause });
  }
  const status = statusOf(error);
  if (status === 403) {
    // A client must not learn that a file exists that it may not read.
    return toProblem(new NotFoundException());
  }
  if (status < 400 || status >= 500) {
    return INTERNAL;
  }
  const slug = (Object.keys(PROBLEM_TYPES) as ProblemSlug[]).find(
    (candidate) => PROBLEM_TYPES[candidate].status === status,
  );
  return new Problem(
    slug ?? 'malformed-request',
    DETAILS.get(status) ?? 'The path, a header or the body is malformed.',
    { status, cause: error },
  );
}

/** The document of a problem. */
export function describeProblem(
  { slug, status, detail, errors }: Problem,
  { url, requestId }: Occurrence,
): ProblemDocument {
  return {
    type: `urn:problem-type:farmlokal:${slug}`,
    title: PROBLEM_TYPES[slug].title,
    status,
    detail,
    // Without the origin of an absolute target, which may contain a password.
    instance: url.replace(/^https?:\/\/[^/?#]*/i, '').replace(/[?#].*$/s, ''),
    requestId,
    ...(errors === undefined ? {} : { errors }),
  };
}

function statusOf(error: unknown): number {
  if (error instanceof HttpException) {
    return error.getStatus();
  }
  const { statusCode } = (error ?? {}) as { statusCode?: unknown };
  return typeof statusCode === 'number' ? statusCode : HttpStatus.INTERNAL_SERVER_ERROR;
}
