/** The outcome of token calls in one `token-replica.js`. */
export interface Outcome {
  readonly calls: number;
  readonly tokens: readonly string[];
  readonly faults: readonly string[];
  readonly slowestMs: number;
}

/** The outcomes of the simultaneous first calls, and of those after them. */
export interface Called {
  readonly cold: Outcome;
  readonly later: Outcome;
}
