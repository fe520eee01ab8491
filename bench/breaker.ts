import { setTimeout as sleep } from 'node:timers/promises';

/** The states that the breaker of API A goes to. */
export type BreakerState = 'open' | 'half-open' | 'closed';
/** How often it has gone to each. */
export type BreakerChanges = Readonly<Record<BreakerState, number>>;

const POLL_MS = 50;
const PATIENCE_MS = 30_000;

/** The breaker of a replica, as its metrics tell of it. */
export class Breaker {
  constructor(private readonly url: string) {}

  async changes(): Promise<BreakerChanges> {
    const response = await fetch(`${this.url}/metrics`);
    const text = await response.text();
    const count = (state: BreakerState): number => {
      const line = `farmlokal_breaker_transitions_total{dependency="inventory",state="${state}"} `;
      const [, rest = '0'] = text.split(line);
      return Number.parseInt(rest, 10);
    };
    return { open: count('open'), 'half-open': count('half-open'), closed: count('closed') };
  }

  /** Waits for the next change to a state; gives when it was seen, on the clock of `performance.now()`. */
  async changeTo(state: BreakerState, { [state]: known }: BreakerChanges): Promise<number> {
    const deadline = performance.now() + PATIENCE_MS;
    while ((await this.changes())[state] === known) {
      if (performance.now() > deadline) {
        throw new Error(`The breaker has not gone to ${state} within ${PATIENCE_MS} ms`);
      }
      await sleep(POLL_MS);
    }
    return performance.now();
  }
}
