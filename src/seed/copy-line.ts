import type { SampleProduct } from './sample-product.js';

/** The columns of a {@link copyLine}, in its order. The table's defaults fill in the others. */
export const COPY_COLUMNS =
  'sku, name, description, category, price, currency, unit, producer, latitude, longitude, created_at, updated_at';

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
};

/** A product, priced in this currency, as a line of PostgreSQL's COPY text format, with its line end. */
export function copyLine(product: SampleProduct, currency: string): string {
  return (
    `${copyField(product.sku)}\t${copyField(product.name)}\t${copyField(product.description)}\t` +
    `${copyField(product.category)}\t${product.price}\t${currency}\t${copyField(product.unit)}\t` +
    `${copyField(product.producer)}\t${product.latitude ?? '\\N'}\t${product.longitude ?? '\\N'}\t` +
    `${copyTime(product.createdAt)}\t${copyTime(product.updatedAt)}\n`
  );
}

/** A text as a field of COPY's text format. */
export function copyField(text: string): string {
  return /[\\\t\n\r]/.test(text)
    ? text.replace(/[\\\t\n\r]/g, (character) => ESCAPES[character] ?? character)
    : text;
}

/** Microseconds since 1970 as a timestamp of RFC 3339, in UTC. */
export function copyTime(microseconds: number): string {
  const seconds = Math.floor(microseconds / 1_000_000);
  const rest = String(microseconds - seconds * 1_000_000).padStart(6, '0');
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${rest}Z`;
}
