/** A price with exactly two decimal places: `49`, `49.5` and `49.50` are the same price. */
export function normalisePrice(text: string): string {
  const [whole = '', places = ''] = text.split('.');
  return `${whole}.${places.padEnd(2, '0')}`;
}

/** Compares two prices. A double holds their twelve digits exactly. */
export function comparePrices(a: string, b: string): number {
  return Number(a) - Number(b);
}
