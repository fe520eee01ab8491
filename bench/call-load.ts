import type { Agent } from 'node:http';

import { type Call, type Outcome, place } from './call.js';
import { atRate } from './pace.js';

/** Calls at a constant rate, in turns to each of the addresses, from now until it is stopped. */
export class CallLoad {
  /** What came of the calls, in the order in which they were answered. */
  readonly outcomes: Outcome[] = [];
  private readonly sent: Promise<unknown>;
  private going = true;

  constructor(urls: readonly string[], rate: number, next: () => Call, agent: Agent) {
    this.sent = atRate(
      rate,
      () => this.going,
      async (due, nth) => {
        this.outcomes.push(await place(urls[nth % urls.length] ?? '', next(), agent, due));
      },
    );
  }

  /** Sends no more, and waits for the answers to what was sent. */
  async stop(): Promise<readonly Outcome[]> {
    this.going = false;
    await this.sent;
    return this.outcomes;
  }
}
