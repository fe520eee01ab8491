import { DatabaseOverloadedError } from '../database/database-overloaded.error.js';
import { DatabaseUnavailableError } from '../database/database-unavailable.error.js';
import { PROBLEM_TYPES, type ProblemSlug } from './problem-types.js';

/** An error in one parameter of a request, or in one field of its body. */
export interface ParameterFault {
  readonly parameter: string;
  readonly message: string;
}

export interface ProblemOptions extends ErrorOptions {
  /** Default: the status of the type. */
  readonly status?: number;
  /** The parameters that are not valid, for `validation-failed`. */
  readonly errors?: readonly ParameterFault[];
  /** Headers of the response, such as `Retry-After` or `Allow`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** An error for the client. Its fields contain nothing secret. */
export class Problem extends Error {
  override readonly name = Problem.name;
  readonly status: number;
  readonly errors: readonly ParameterFault[] | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    readonly slug: ProblemSlug,
    readonly detail: string,
    { status, errors, headers = {}, ...options }: ProblemOptions = {},
  ) {
    super(detail, options);
    this.status = status ?? PROBLEM_TYPES[slug].status;
    this.errors = errors;
    this.headers = headers;
  }
}

/** A request with parameters that are not valid. The detail repeats the first of the errors. */
export function validationFailed(...errors: [ParameterFault, ...ParameterFault[]]): Problem {
  const [{ parameter, message }] = errors;
  return new Problem('validation-failed', `${parameter}: ${message}`, { errors });
}

/** A well-formed body with fields that are not valid (422). */
export function unprocessable(...errors: [ParameterFault, ...ParameterFault[]]): Problem {
  const { slug, detail } = validationFailed(...errors);
  return new Problem(slug, detail, { status: 422, errors });
}

/**
 * A dependency that is down, slow or refuses the request.
 *
 * @param options.retryAfterMs milliseconds after which a retry makes sense. Default 1000.
 */
export function dependencyUnavailable(
  detail: string,
  { retryAfterMs = 1000, ...options }: ErrorOptions & { retryAfterMs?: number | undefined } = {},
): Problem {
  const seconds = Math.max(1, Math.ceil(retryAfterMs / 1000));
  return new Problem('dependency-unavailable', detail, {
    ...options,
    headers: { 'Retry-After': String(seconds) },
  });
}

/** More requests than this process can answer in time. */
export function overloaded(detail: string, options?: ErrorOptions): Problem {
  return new Problem('overloaded', detail, { ...options, headers: { 'Retry-After': '1' } });
}

/** Whether a retry of the same request may succeed: a dependency does not answer, or this process is overloaded. */
export function isUnavailable(error: unknown): boolean {
  return (
    isOutage(error) ||
    error instanceof DatabaseOverloadedError ||
    (error instanceof Problem && error.slug === 'overloaded')
  );
}

/** Whether a dependency does not answer. */
export function isOutage(error: unknown): boolean {
  return (
    error instanceof DatabaseUnavailableError ||
    (error instanceof Problem && error.slug === 'dependency-unavailable')
  );
}
