import { randomBytes, randomInt } from 'node:crypto';

import { type SampleProduct, sampleProduct } from '../../src/seed/sample-product.js';
import type { EmitRunOptions } from './emit-options.js';
import { sample, shuffle } from './random.js';

const SAMPLE_PRODUCTS = 999_999_999;
const SKU_PREFIX = 'EMIT-';
const SKU_DIGITS = 6;
const DELETED_SHARE = 0.05;

/** The fields of a product in an event, without sku and revision. */
export interface ProductFields {
  readonly name: string;
  readonly description: string;
  readonly category: string;
  readonly price: string;
  readonly currency: string;
  readonly unit: string;
  readonly producer: string;
  /** Null also when the event omits the field. */
  readonly latitude: number | null;
  readonly longitude: number | null;
}

/** An event of API B about one product. */
export interface CatalogEvent {
  /** The `webhook-id`. */
  readonly id: string;
  readonly sku: string;
  readonly revision: number;
  /** The product after the event; null when the event deletes it. */
  readonly product: ProductFields | null;
  /** The request body. Every attempt sends the same bytes. */
  readonly body: Buffer;
}

/** Makes the events of a run, oldest first. The last event of a product has the product's highest revision. */
export function makeEvents({ count, products, currency }: EmitRunOptions): CatalogEvent[] {
  const now = Date.now();
  const catalog = Array.from({ length: products }, (_, index) => ({
    sample: sampleProduct(randomInt(1, SAMPLE_PRODUCTS)),
    sku: SKU_PREFIX + String(index + 1).padStart(SKU_DIGITS, '0'),
    // Microseconds since 1970, so that an earlier run has lower revisions of the same products.
    revision: now * 1_000,
  }));
  // Every product has at least one event.
  const subjects = shuffle(
    Array.from({ length: Math.ceil(count / products) }, () => catalog)
      .flat()
      .slice(0, count),
  );
  const deletions = new Set(sample([...subjects.keys()], DELETED_SHARE));
  return subjects.map((subject, index) => {
    const { sku, revision } = subject;
    subject.revision += 1;
    const product = deletions.has(index) ? null : fieldsOf(subject.sample, currency, revision);
    const body = Buffer.from(
      JSON.stringify({
        type: product === null ? 'product.deleted' : 'product.upserted',
        timestamp: new Date(now - count + index).toISOString(),
        data: { sku, revision, ...(product === null ? {} : dataOf(product)) },
      }),
    );
    return { id: `msg_${randomBytes(20).toString('base64url')}`, sku, revision, product, body };
  });
}

function fieldsOf(product: SampleProduct, currency: string, revision: number): ProductFields {
  const { name, category, unit, producer } = product;
  const paise = Math.round(Number(product.price) * 100 * (0.8 + 0.4 * Math.random()));
  const hasPlace = product.latitude !== null && Math.random() < 0.75;
  return {
    // Some names are outside ASCII.
    name: Math.random() < 0.1 ? `${name} 🌱` : name,
    // The revision makes every version of a product different.
    description: `${product.description} Lot ${revision}.`,
    category,
    price: `${Math.floor(paise / 100)}.${String(paise % 100).padStart(2, '0')}`,
    currency,
    unit,
    producer,
    latitude: hasPlace ? Number(product.latitude) : null,
    longitude: hasPlace ? Number(product.longitude) : null,
  };
}

/** Half of the products without a place omit the fields, the others send null. */
function dataOf(product: ProductFields): Partial<ProductFields> {
  if (product.latitude !== null || Math.random() < 0.5) return product;
  const { latitude, longitude, ...rest } = product;
  return rest;
}
