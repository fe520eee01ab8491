import type { Agent } from 'node:http';

import { ask } from './page-request.js';
import type { Product } from './product-supply.js';
import type { Measured } from './summary.js';

/** What a household is told: the inventory's word, its last one, or that there is none. */
export type Outcome = 'live' | 'stale' | 'unavailable';

/** One question for the stock of a product and what came of it. */
export interface Availability extends Measured {
  readonly product: Product;
  /** When it had to be sent, on the clock of `performance.now()`. */
  readonly due: number;
  /** Absent when the answer was none of these. */
  readonly outcome?: Outcome;
}

/** Asks for the stock of a product now and measures it from when it was due. */
export async function askAvailability(
  url: string,
  product: Product,
  agent: Agent,
  due: number,
): Promise<Availability> {
  try {
    const { status, body } = await ask(`${url}/api/products/${product.id}/availability`, agent);
    const latency = performance.now() - due;
    const outcome = outcomeOf(status, body);
    const told = outcome === undefined ? { fault: `status ${status}` } : { outcome };
    return { product, due, latency, ...told };
  } catch (error) {
    const fault = error instanceof Error ? error.message : String(error);
    return { product, due, latency: performance.now() - due, fault };
  }
}

/** The same, where nothing but these outcomes will do. */
export function expecting(sample: Availability, ...outcomes: readonly Outcome[]): Availability {
  const { outcome, product } = sample;
  return outcome === undefined || outcomes.includes(outcome)
    ? sample
    : {
        ...sample,
        fault: `${outcome} for a product that is ${product.known ? 'known' : 'unknown'}`,
      };
}

function outcomeOf(status: number, body: Buffer): Outcome | undefined {
  if (status === 503) {
    return 'unavailable';
  }
  if (status !== 200) {
    return undefined;
  }
  const { stale } = JSON.parse(body.toString()) as { stale: unknown };
  return stale === true ? 'stale' : 'live';
}
