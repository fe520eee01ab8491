export interface BackoffOptions {
  /** Delay before the first retry, in milliseconds. */
  readonly minMs: number;
  /** Maximum of the delay, in milliseconds. */
  readonly maxMs: number;
  /** The part of a delay that is random, from 0 (none, the default) to 1 (full jitter). */
  readonly jitter?: number;
}

/**
 * Milliseconds to wait before a retry. The delay doubles with each attempt.
 *
 * @param attempt how many attempts have failed, at least 1.
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function exponentialBackoff(
  attempt: number,
  { minMs, maxMs, jitter = 0 }: BackoffOptions,
): number {
  const delay = Math.min(maxMs, minMs * 2 ** (attempt - 1));
  return delay * (1 - jitter * Math.random());
}
