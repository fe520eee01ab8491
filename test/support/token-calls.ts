/** What the callers of one `token-replica.js` have met with. */
export interface Outcome {
  readonly calls: number;
  readonly tokens: readonly string[];
  readonly faults: readonly string[];
  readonly slowestMs: number;
}

/** Of the callers at the first instant, and of those after it. */
export interface Called {
  readonly cold: Outcome;
  readonly later: Outcome;
}
