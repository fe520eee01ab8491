/** A price bound as clients write it: up to two places, no sign, no exponent. */
export const PRICE_PATTERN = /^(0|[1-9]\d{0,9})(\.\d{1,2})?$/;

/** Whether a text is a price as the service writes it, with two places. */
export function isPrice(text: string): boolean {
  return PRICE_PATTERN.test(text) && /\.\d\d$/.test(text);
}

/** A price bound with exactly two places: `49`, `49.5` and `49.50` are one value. */
export function normalisePrice(text: string): string {
  const [whole = '', places = ''] = text.split('.');
  return `${whole}.${places.padEnd(2, '0')}`;
}

/** Compares two normalised prices; twelve digits are exact in a double. */
export function comparePrices(a: string, b: string): number {
  return Number(a) - Number(b);
}
