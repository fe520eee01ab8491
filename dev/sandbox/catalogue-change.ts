import { createHash } from 'node:crypto';

import { type SampleProduct, sampleProduct } from '../../src/seed/sample-product.js';
import type { Chance } from './chance.js';
import type { CampaignOptions } from './emit-options.js';

const SAMPLE_PRODUCTS = 999_999_999;
const SKU_DIGITS = 6;

/** What an event says of a product besides its sku and its revision. */
export interface ProductFields {
  readonly name: string;
  readonly description: string;
  readonly category: string;
  readonly price: string;
  readonly currency: string;
  readonly unit: string;
  readonly producer: string;
  /** Null as well where the event says nothing of it. */
  readonly latitude: number | null;
  readonly longitude: number | null;
}

/** A change of the catalogue, and the event that tells of it. */
export interface CatalogueChange {
  /** The `webhook-id` of the event. */
  readonly id: string;
  readonly sku: string;
  readonly revision: number;
  /** What the product is from then on; null when it is deleted. */
  readonly product: ProductFields | null;
  /** The event, byte for byte, whenever it is sent. */
  readonly body: Buffer;
}

/** Makes the changes of a campaign in the order of their creation: a product's last one has its highest revision. */
export function makeChanges(options: CampaignOptions, chance: Chance): CatalogueChange[] {
  const { count, products, skuPrefix, currency, deletes, seed, firstRevision, createdFrom } =
    options;
  const samples = Array.from({ length: products }, () =>
    sampleProduct(1 + chance.below(SAMPLE_PRODUCTS)),
  );
  const next = samples.map((sample, nth) => ({
    sample,
    sku: skuPrefix + String(nth + 1).padStart(SKU_DIGITS, '0'),
    revision: firstRevision,
  }));
  // Every product has one; who has the others is left to chance.
  const subjects = chance.shuffled([
    ...next,
    ...Array.from({ length: count - products }, () => next[chance.below(products)]),
  ]);
  const deleted = new Set(chance.chosen([...subjects.keys()], deletes));
  return subjects.flatMap((subject, nth) => {
    if (subject === undefined) return [];
    const { sample, sku, revision } = subject;
    subject.revision += 1;
    const product = deleted.has(nth) ? null : fieldsOf(sample, currency, revision, chance);
    const body = Buffer.from(
      JSON.stringify({
        type: product === null ? 'product.deleted' : 'product.upserted',
        timestamp: new Date(createdFrom + nth).toISOString(),
        data: { sku, revision, ...(product === null ? {} : said(product, chance)) },
      }),
    );
    return [{ id: idOf(seed, nth, body), sku, revision, product, body }];
  });
}

function fieldsOf(
  sample: SampleProduct,
  currency: string,
  revision: number,
  chance: Chance,
): ProductFields {
  const { name, category, unit, producer } = sample;
  const paise = Math.round(Number(sample.price) * 100 * (0.8 + 0.4 * chance.part()));
  const hasPlace = sample.latitude !== null && chance.below(4) > 0;
  return {
    name: chance.below(10) === 0 ? `${name} 🌱` : name,
    // No two revisions of a product are the same, nor half of one and half of the other.
    description: `${sample.description} Lot ${revision}.`,
    category,
    price: `${Math.floor(paise / 100)}.${String(paise % 100).padStart(2, '0')}`,
    currency,
    unit,
    producer,
    latitude: hasPlace ? Number(sample.latitude) : null,
    longitude: hasPlace ? Number(sample.longitude) : null,
  };
}

/** A product without a place may say so, or say nothing. */
function said(product: ProductFields, chance: Chance): Partial<ProductFields> {
  if (product.latitude !== null || chance.below(2) === 0) return product;
  const { latitude, longitude, ...rest } = product;
  return rest;
}

/** Of the body as well: with other options, the same seed gives other events, which have other ids. */
function idOf(seed: number, nth: number, body: Buffer): string {
  const digest = createHash('sha256').update(`${seed} ${nth} `).update(body).digest('base64url');
  return `msg_${digest.slice(0, 27)}`;
}
