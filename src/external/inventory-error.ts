/** How an {@link InventoryError} is handled. */
export interface InventoryErrorOptions {
  /** The status of the response, if there was one. */
  readonly status?: number;
  /** Whether a retry can succeed. Default false. */
  readonly transient?: boolean;
  /** Whether the circuit breaker counts it as a failure of the inventory. Default true. */
  readonly countsAsFailure?: boolean;
  /** Milliseconds until the next request can succeed. */
  readonly retryAfterMs?: number | undefined;
}

/** A request to the inventory without a usable response. */
export class InventoryError extends Error {
  override readonly name = InventoryError.name;
  readonly status: number | undefined;
  readonly transient: boolean;
  readonly countsAsFailure: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    { status, transient = false, countsAsFailure = true, retryAfterMs }: InventoryErrorOptions = {},
  ) {
    super(message);
    this.status = status;
    this.transient = transient;
    this.countsAsFailure = countsAsFailure;
    this.retryAfterMs = retryAfterMs;
  }
}
