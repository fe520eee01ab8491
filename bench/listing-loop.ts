import { Agent } from 'node:http';

import type { PageRequest } from './page-request.js';
import { measure, type Sample } from './sample.js';

/** So many clients that ask for one page after the other, as fast as they are answered, until it is stopped. */
export class ListingLoop {
  private readonly agent = new Agent({ keepAlive: true });
  private readonly samples: Sample[] = [];
  private readonly clients: Promise<void>[];
  private going = true;

  constructor(
    private readonly url: string,
    connections: number,
    private readonly next: () => PageRequest,
  ) {
    this.clients = Array.from({ length: connections }, () => this.askOn());
  }

  /** Asks no more, and waits for the answers to what was asked. */
  async stop(): Promise<Sample[]> {
    this.going = false;
    await Promise.all(this.clients);
    this.agent.destroy();
    return this.samples;
  }

  private async askOn(): Promise<void> {
    while (this.going) {
      this.samples.push(await measure(this.url, this.next(), this.agent, performance.now()));
    }
  }
}
