import { Agent } from 'node:http';

import { askAvailability, type Availability } from './availability.js';
import { atRate } from './pace.js';
import type { Product } from './product-supply.js';

/** Questions for the stock of products at a constant rate, from now until it is stopped. */
export class AvailabilityLoad {
  private readonly agent = new Agent({ keepAlive: true, scheduling: 'fifo' });
  private readonly samples: Promise<Availability[]>;
  private going = true;

  constructor(url: string, rate: number, next: () => Product) {
    this.samples = atRate(
      rate,
      () => this.going,
      (due) => askAvailability(url, next(), this.agent, due),
    );
  }

  /** Sends no more, and waits for the answers to what was sent. */
  async stop(): Promise<Availability[]> {
    this.going = false;
    const samples = await this.samples;
    this.agent.destroy();
    return samples;
  }
}
