/** What an {@link InventoryError} tells those who decide what comes next. */
export interface InventoryErrorOptions {
  /** The status that the inventory has answered with, if it has. */
  readonly status?: number;
  /** Whether the same question may be answered the next time. Default false. */
  readonly transient?: boolean;
  /** Whether it says something about the health of the inventory. Default true. */
  readonly counts?: boolean;
  /** Milliseconds after which it is worth asking again. */
  readonly retryAfterMs?: number | undefined;
}

/** A question to the inventory that was not answered. */
export class InventoryError extends Error {
  override readonly name = InventoryError.name;
  readonly status: number | undefined;
  readonly transient: boolean;
  readonly counts: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    { status, transient = false, counts = true, retryAfterMs }: InventoryErrorOptions = {},
  ) {
    super(message);
    this.status = status;
    this.transient = transient;
    this.counts = counts;
    this.retryAfterMs = retryAfterMs;
  }
}
