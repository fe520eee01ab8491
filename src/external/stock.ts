import { readTimestamp } from '../http/rfc3339-timestamp.js';

/** What the inventory says is there of a product. */
export interface Stock {
  /** In the product's unit. */
  readonly quantity: number;
  /** When that was so: RFC 3339, UTC. */
  readonly asOf: string;
}

/** Reads an answer of the inventory; undefined when it is not one about this sku. */
export function readStock(answer: unknown, asked: string): Stock | undefined {
  const { sku, quantity, asOf } = (answer ?? {}) as Readonly<Record<string, unknown>>;
  if (
    sku !== asked ||
    typeof quantity !== 'number' ||
    !(quantity >= 0 && quantity <= Number.MAX_SAFE_INTEGER) ||
    typeof asOf !== 'string'
  ) {
    return undefined;
  }
  const moment = readTimestamp(asOf);
  return moment && { quantity, asOf: asOf.endsWith('Z') ? asOf : moment.toISOString() };
}
