import { isUnavailable } from '../problems/problem.js';

/**
 * The longest time that a request may wait in this process or for a connection, in milliseconds. A request that would
 * wait longer is rejected at once, because a growing queue delays every response.
 */
export const MAX_WAIT_MS = 1000;

/** Maximum number of requests in progress, because each one holds memory. */
const MAX_IN_PROGRESS = 2000;
/** Weight of the latest request in the moving average. */
const WEIGHT = 0.1;
/** How long the process counts as overloaded after it has rejected a request, in milliseconds. */
const OVERLOADED_MS = 1000;

/** When this process last rejected a request of any kind. */
let rejectedAt = -Infinity;

/** Whether this process has rejected a request within the last second. */
export function isSheddingLoad(): boolean {
  return performance.now() - rejectedAt < OVERLOADED_MS;
}

/**
 * Admission control (load shedding) for requests of one kind. The limit adapts to the throughput: by Little's law, a
 * request takes as long as the process needs to complete all requests in progress. This bounds every queue: in the event
 * loop, in Redis, and in front of a connection pool.
 *
 * @see https://en.wikipedia.org/wiki/Little%27s_law
 */
export class AdmissionControl {
  private inProgress = 0;
  /** Moving average of the inverse of the throughput. */
  private msPerRequest = 0;

  /** @param concurrency how many requests the dependency serves in parallel. Fewer requests are never rejected. */
  constructor(private readonly concurrency: number) {}

  /** Whether to reject the next request: it would take longer than `maxMs` milliseconds, or 2,000 are in progress. */
  shouldReject(maxMs: number): boolean {
    if (this.inProgress < this.concurrency) return false;
    const expectedMs = (this.inProgress + 1) * this.msPerRequest;
    const rejects = this.inProgress >= MAX_IN_PROGRESS || expectedMs > maxMs;
    if (rejects) rejectedAt = performance.now();
    return rejects;
  }

  /**
   * Runs a request and counts it as in progress. Its duration updates the average, unless the request ends in an outage
   * or an overload, because the length of a timeout does not depend on the throughput.
   */
  async track<Value>(request: () => Promise<Value>): Promise<Value> {
    const startedAt = performance.now();
    this.inProgress += 1;
    // The number of requests that are complete when this one is: those before it, and itself.
    const completed = Math.max(this.inProgress, this.concurrency);
    let served = true;
    try {
      return await request();
    } catch (error) {
      served = !isUnavailable(error);
      throw error;
    } finally {
      this.inProgress -= 1;
      if (served) {
        const latest = (performance.now() - startedAt) / completed;
        this.msPerRequest += WEIGHT * (latest - this.msPerRequest);
      }
    }
  }
}
