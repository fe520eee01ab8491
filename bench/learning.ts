import { Agent } from 'node:http';

import { askAvailability } from './availability.js';
import { atRate } from './pace.js';
import type { ProductSupply } from './product-supply.js';
import { faults } from './summary.js';
import { TestbedError } from './testbed.js';

const RATE = 200;

/** Asks about the known products once, so that they are. */
export async function learnKnown(url: string, supply: ProductSupply): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  const samples = await atRate(
    RATE,
    (sent) => sent < supply.round,
    (due) => askAvailability(url, supply.nextKnown(), agent, due),
  );
  agent.destroy();
  if (samples.some(({ outcome }) => outcome !== 'live')) {
    throw new TestbedError(
      `The sandbox's inventory does not answer: ${JSON.stringify(faults(samples))}`,
    );
  }
}
