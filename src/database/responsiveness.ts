import { loopClock } from '../resilience/loop-clock.js';
import { SingleFlight } from '../resilience/single-flight.js';

/** Milliseconds that a statement waits for a probe. A healthy PostgreSQL responds within a few. */
const PROBE_SOFT_TIMEOUT_MS = 1000;

/**
 * Whether PostgreSQL responds. After a timeout, one probe at a time finds out when it responds again. The probe may take
 * as long as any statement, because a suspended database has to wake; the statements wait for it only briefly.
 */
export class Responsiveness {
  private respondedAt = -Infinity;
  private unresponsive = false;
  private readonly probes = new SingleFlight<void>();

  /** @param probe resolves when PostgreSQL responds. */
  constructor(private readonly probe: () => Promise<unknown>) {}

  markResponsive(): void {
    this.respondedAt = performance.now();
    this.unresponsive = false;
  }

  markUnresponsive(): void {
    this.unresponsive = true;
  }

  /** Whether PostgreSQL has responded since a moment, in the time of `performance.now()`. */
  respondedSince(moment: number): boolean {
    return this.respondedAt >= moment;
  }

  /**
   * Resolves at once while PostgreSQL responds, else when a probe succeeds.
   *
   * @throws the error of the probe, or of the wait for it, unless PostgreSQL has responded meanwhile.
   */
  async wait(): Promise<void> {
    if (!this.unresponsive) {
      return;
    }
    const startedAt = performance.now();
    const probe = this.probes.run('', async () => {
      await this.probe();
      this.markResponsive();
    });
    try {
      await loopClock.limit(probe, PROBE_SOFT_TIMEOUT_MS, () => new Error('timeout'));
    } catch (error) {
      if (!this.respondedSince(startedAt)) {
        throw error;
      }
    }
  }
}
