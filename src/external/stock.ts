/** What the inventory says is there of a product. */
export interface Stock {
  /** In the product's unit. */
  readonly quantity: number;
  /** When that was so: RFC 3339, UTC. */
  readonly asOf: string;
}

const TIMESTAMP = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$/;

/** Reads an answer of the inventory; undefined when it is not one about this sku. */
export function readStock(answer: unknown, asked: string): Stock | undefined {
  const { sku, quantity, asOf } = (answer ?? {}) as Readonly<Record<string, unknown>>;
  if (
    sku !== asked ||
    typeof quantity !== 'number' ||
    !(quantity >= 0 && quantity <= Number.MAX_SAFE_INTEGER) ||
    typeof asOf !== 'string' ||
    !TIMESTAMP.test(asOf)
  ) {
    return undefined;
  }
  const moment = new Date(asOf);
  if (Number.isNaN(moment.getTime())) {
    return undefined;
  }
  return { quantity, asOf: asOf.endsWith('Z') ? asOf : moment.toISOString() };
}
