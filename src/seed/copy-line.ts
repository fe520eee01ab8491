import type { SampleProduct } from './sample-product.js';

/** The columns of a {@link copyLine}, in order. The others take their defaults. */
export const COPY_COLUMNS =
  'sku, name, description, category, price, currency, unit, producer, latitude, longitude, created_at, updated_at';

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
};

/**
 * Formats a product as a line of COPY's text format, with its newline.
 *
 * @see https://www.postgresql.org/docs/current/sql-copy.html
 */
export function copyLine(product: SampleProduct, currency: string): string {
  return (
    `${copyField(product.sku)}\t${copyField(product.name)}\t${copyField(product.description)}\t` +
    `${copyField(product.category)}\t${product.price}\t${currency}\t${copyField(product.unit)}\t` +
    `${copyField(product.producer)}\t${product.latitude ?? '\\N'}\t${product.longitude ?? '\\N'}\t` +
    `${copyTime(product.createdAt)}\t${copyTime(product.updatedAt)}\n`
  );
}

/** Escapes a text as a field of COPY's text format. */
export function copyField(text: string): string {
  return /[\\\t\n\r]/.test(text)
    ? text.replace(/[\\\t\n\r]/g, (character) => ESCAPES[character] ?? character)
    : text;
}

/** Formats microseconds since 1970 as an RFC 3339 timestamp in UTC. */
export function copyTime(microseconds: number): string {
  const seconds = Math.floor(microseconds / 1_000_000);
  const rest = String(microseconds - seconds * 1_000_000).padStart(6, '0');
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${rest}Z`;
}
