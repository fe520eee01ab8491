import { DatabaseOverloadedError } from '../database/database-overloaded.error.js';
import { DatabaseUnavailableError } from '../database/database-unavailable.error.js';
import { PROBLEM_TYPES, type ProblemSlug } from './problem-types.js';

/** What is wrong with one parameter. */
export interface ParameterFault {
  readonly parameter: string;
  readonly message: string;
}

/** What a problem may carry besides its type and detail. */
export interface ProblemOptions extends ErrorOptions {
  /** The status where it differs from the type's own. */
  readonly status?: number;
  /** Faulty parameters, for `validation-failed`. */
  readonly errors?: readonly ParameterFault[];
  /** Response headers that belong to the problem, such as `Retry-After` or `Allow`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** An error that is meant for the client: everything in it may be shown. */
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

/** A request with parameters that are not valid; the detail repeats the first fault for those who read only that. */
export function validationFailed(...errors: [ParameterFault, ...ParameterFault[]]): Problem {
  const [{ parameter, message }] = errors;
  return new Problem('validation-failed', `${parameter}: ${message}`, { errors });
}

/** The same for the fields of a body that was understood. */
export function unprocessable(...errors: [ParameterFault, ...ParameterFault[]]): Problem {
  const { slug, detail } = validationFailed(...errors);
  return new Problem(slug, detail, { status: 422, errors });
}

/** A dependency that is down, slow or refusing: worth another try after `retryAfterMs`, a second unless told. */
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

/** More requests than this process can answer in time: refused before it does any work for one more. */
export function overloaded(detail: string, options?: ErrorOptions): Problem {
  return new Problem('overloaded', detail, { ...options, headers: { 'Retry-After': '1' } });
}

/** Whether this service or a dependency is at fault for now, and not the request. */
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
