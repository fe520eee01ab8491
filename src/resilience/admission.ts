/** Limit of requests in progress, because each holds memory. */
const LIMIT = 2000;
/** Weight of the latest request in the average. */
const WEIGHT = 0.1;
/** How long a process counts as overloaded after it has refused a request, milliseconds. */
const OVERLOADED_MS = 1000;

/** When this process last refused a request of any kind. */
let refusedAt = -Infinity;

/** Whether this process refuses requests for now. */
export function refusesRequests(): boolean {
  return performance.now() - refusedAt < OVERLOADED_MS;
}

/**
 * The requests of one kind: how many are in progress and how fast they finish. To accept only those that finish in time
 * bounds the queue wherever it is: in the event loop, in Redis, or before the connections of a pool.
 *
 * @see Little's law: the requests in progress are the product of their rate and their time.
 */
export class Admission {
  private accepted = 0;
  private msPerRequest = 0;

  /** @param concurrency how many requests are served side by side before one waits for another. */
  constructor(private readonly concurrency: number) {}

  /** Whether one more request would take longer than this, or is one too many, and so is refused. */
  isFull(milliseconds: number): boolean {
    if (this.accepted < this.concurrency) return false;
    const full = this.accepted >= LIMIT || (this.accepted + 1) * this.msPerRequest > milliseconds;
    if (full) refusedAt = performance.now();
    return full;
  }

  /** Accepts a request: counts it until it is settled. */
  async track<Value>(request: () => Promise<Value>): Promise<Value> {
    const startedAt = performance.now();
    this.accepted += 1;
    const served = Math.max(this.accepted, this.concurrency);
    try {
      return await request();
    } finally {
      this.accepted -= 1;
      // In its time, this request and all before it were served.
      const latest = (performance.now() - startedAt) / served;
      this.msPerRequest += WEIGHT * (latest - this.msPerRequest);
    }
  }
}
