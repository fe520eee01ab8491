import { readTimestamp } from '../http/rfc3339-timestamp.js';

/** The stock level of a product. */
export interface Stock {
  /** In the unit of the product. */
  readonly quantity: number;
  /** When the inventory counted it: RFC 3339, UTC. */
  readonly asOf: string;
}

/** Validates a response of the inventory. Returns undefined when it is invalid or has another sku. */
export function readStock(body: unknown, expectedSku: string): Stock | undefined {
  const { sku, quantity, asOf } = (body ?? {}) as Readonly<Record<string, unknown>>;
  if (
    sku !== expectedSku ||
    typeof quantity !== 'number' ||
    !(quantity >= 0 && quantity <= Number.MAX_SAFE_INTEGER) ||
    typeof asOf !== 'string'
  ) {
    return undefined;
  }
  const timestamp = readTimestamp(asOf);
  return timestamp && { quantity, asOf: asOf.endsWith('Z') ? asOf : timestamp.toISOString() };
}
