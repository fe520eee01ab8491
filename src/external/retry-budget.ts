/** Half-life of what is remembered of calls and retries. */
const HALF_LIFE_MS = 10_000;
/** Without a retry for so long, all is well. */
const QUIET_MS = 10_000;

/**
 * How many retries the calls of the last seconds allow. Retries help against a hiccup; against an outage
 * they only add to it, and the budget ends them. What calls that went well would have allowed is not saved
 * up for it: with the first retry after a quiet time the count begins anew.
 *
 * @see Finagle's RetryBudget and Envoy's retry_budget
 */
export class RetryBudget {
  private calls = 0;
  private retries = 0;
  private agedAt: number;
  private askedAt = -Infinity;

  /**
   * @param share retries that are allowed for each call.
   * @param least retries that are allowed however few calls there are, so that the first can be retried.
   */
  constructor(
    private readonly share: number,
    private readonly least: number,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.agedAt = now();
  }

  /** Counts a call. */
  call(): void {
    this.age();
    this.calls += 1;
  }

  /** Takes a retry out of the budget; false when there is none left. */
  retry(): boolean {
    this.age();
    if (this.agedAt - this.askedAt > QUIET_MS) {
      this.calls = Math.min(this.calls, 1);
      this.retries = 0;
    }
    this.askedAt = this.agedAt;
    if (this.retries + 1 > Math.max(this.least, this.share * this.calls)) {
      return false;
    }
    this.retries += 1;
    return true;
  }

  private age(): void {
    const now = this.now();
    const left = 2 ** ((this.agedAt - now) / HALF_LIFE_MS);
    this.calls *= left;
    this.retries *= left;
    this.agedAt = now;
  }
}
