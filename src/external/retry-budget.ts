/** Half-life of the counted requests and retries, in milliseconds. */
const HALF_LIFE_MS = 10_000;
/** Time without a retry after which the count of requests restarts, in milliseconds. */
const QUIET_MS = 10_000;

/**
 * Limits retries to a share of the requests of the last seconds, so that they cannot multiply the load of a partner during
 * an outage. Requests before an outage do not add to the budget: the first retry after a quiet time restarts the count.
 *
 * @see https://finagle.github.io/blog/2016/02/08/retry-budgets/
 */
export class RetryBudget {
  private requests = 0;
  private retries = 0;
  private decayedAt: number;
  private lastRetryAt = -Infinity;

  /**
   * @param share retries per request, such as 0.2.
   * @param minRetries retries that are always allowed, so that the first requests can be retried.
   */
  constructor(
    private readonly share: number,
    private readonly minRetries: number,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.decayedAt = now();
  }

  recordRequest(): void {
    this.decay();
    this.requests += 1;
  }

  /** Takes a retry from the budget. Returns false when none is left. */
  tryRetry(): boolean {
    this.decay();
    if (this.decayedAt - this.lastRetryAt > QUIET_MS) {
      this.requests = Math.min(this.requests, 1);
      this.retries = 0;
    }
    this.lastRetryAt = this.decayedAt;
    if (this.retries + 1 > Math.max(this.minRetries, this.share * this.requests)) {
      return false;
    }
    this.retries += 1;
    return true;
  }

  private decay(): void {
    const now = this.now();
    const factor = 2 ** ((this.decayedAt - now) / HALF_LIFE_MS);
    this.requests *= factor;
    this.retries *= factor;
    this.decayedAt = now;
  }
}
