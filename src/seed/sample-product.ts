import { CATALOGUE, FAMILIES } from './sample-catalog.js';
import { CITIES } from './city.js';
import { drawsOf } from './draws.js';

/** A row of the sample catalogue. Texts are as in table `products`, times in microseconds since 1970. */
export interface SampleProduct {
  readonly sku: string;
  readonly name: string;
  readonly description: string;
  readonly category: string;
  /** Two decimals, in the currency of the catalogue. */
  readonly price: string;
  readonly unit: string;
  readonly producer: string;
  /** WGS 84 degrees, or null for a producer who shows no place; then the longitude is null as well. */
  readonly latitude: string | null;
  readonly longitude: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** When the sample catalogue begins and ends. Fixed, so that a row is the same on every day. */
export const SAMPLE_PERIOD = {
  from: Date.UTC(2024, 0, 1) * 1000,
  until: Date.UTC(2026, 0, 1) * 1000,
} as const;

const SKU_PREFIX = 'SAMPLE-';
const SKU_DIGITS = 9;

/** Matches the skus of sample products, and no other, in PostgreSQL and here. */
export const SAMPLE_SKU_PATTERN = `^${SKU_PREFIX}[0-9]{${SKU_DIGITS}}$`;

/** Degrees of latitude in which a product stands around its city: about 25 km. */
const SCATTER_DEGREES = 0.225;

const DRAW_RANGE = 2 ** 32;

/** The category of every thousandth part of the draws. */
const CATEGORY_OF_THOUSANDTH = CATALOGUE.flatMap((category) =>
  Array.from({ length: category.share }, () => category),
);

/** The sku of a row, by which a later run knows it. Of fixed width: text order is row order. */
export function sampleSku(row: number): string {
  return SKU_PREFIX + String(row).padStart(SKU_DIGITS, '0');
}

/** The row that a sku of {@link SAMPLE_SKU_PATTERN} names. */
export function rowOfSampleSku(sku: string): number {
  return Number(sku.slice(SKU_PREFIX.length));
}

/**
 * The sample product of a row, from 1 to 999,999,999. It depends on the row alone: the first hundred
 * rows of a million are the same as those of a hundred.
 */
export function sampleProduct(row: number): SampleProduct {
  const draw = drawsOf(row);

  const category = pick(CATEGORY_OF_THOUSANDTH, draw());
  const [good, unit, least, highest] = pick(category.goods, draw());
  const city = pick(CITIES, Math.min(draw(), draw()));
  const [cityName] = city;
  const producer = pick(category.producers, draw())
    .replace('{family}', pick(FAMILIES, draw()))
    .replace('{city}', cityName);

  let name = good;
  if (happens(0.7, draw())) {
    name = `${pick(category.qualities, draw())} ${name}`;
  }
  if (happens(0.4, draw())) {
    name = `${name}, ${pick(category.finishes, draw())}`;
  }

  let description = pick(category.origins, draw())
    .replace('{good}', good)
    .replace('{city}', cityName);
  if (happens(0.7, draw())) {
    description = `${description} ${pick(category.hints, draw())}`;
  }

  const createdAt = between(SAMPLE_PERIOD.from, SAMPLE_PERIOD.until, fraction(draw(), draw()));
  const updatedAt = happens(0.35, draw())
    ? between(createdAt, SAMPLE_PERIOD.until, fraction(draw(), draw()))
    : createdAt;

  const price = priceBetween(least, highest, draw(), draw());
  const place = happens(0.97, draw()) ? around(city, draw(), draw()) : undefined;

  return {
    sku: sampleSku(row),
    name,
    description,
    category: category.name,
    price,
    unit,
    producer,
    latitude: place?.latitude ?? null,
    longitude: place?.longitude ?? null,
    createdAt,
    updatedAt,
  };
}

function pick<T>(items: readonly T[], draw: number): T {
  const item = items[Math.floor((draw / DRAW_RANGE) * items.length)];
  if (item === undefined) {
    throw new RangeError('There is nothing to pick from');
  }
  return item;
}

function happens(probability: number, draw: number): boolean {
  return draw < probability * DRAW_RANGE;
}

/** Two draws in one number from 0 to below 1: one alone cannot tell the microseconds of two years apart. */
function fraction(high: number, low: number): number {
  return ((high >>> 6) * 2 ** 26 + (low >>> 6)) / 2 ** 52;
}

function between(from: number, until: number, part: number): number {
  return from + Math.floor((until - from) * part);
}

/** Most prices are whole rupees, the others end in any paise. The middle of the range is likelier. */
function priceBetween(least: number, highest: number, one: number, other: number): string {
  const part = (one + other) / (2 * DRAW_RANGE);
  const paise = between(least * 100, highest * 100, part);
  const whole = Math.floor(paise / 100);
  return one % 3 === 0 ? `${whole}.${String(paise % 100).padStart(2, '0')}` : `${whole}.00`;
}

function around(
  [, latitude, longitude]: readonly [string, number, number],
  far: number,
  direction: number,
): { latitude: string; longitude: string } {
  // The root spreads the places evenly over the disc; a degree of longitude shrinks with the latitude.
  const distance = SCATTER_DEGREES * Math.sqrt(far / DRAW_RANGE);
  const angle = (2 * Math.PI * direction) / DRAW_RANGE;
  const north = distance * Math.sin(angle);
  const east = (distance * Math.cos(angle)) / Math.cos((latitude * Math.PI) / 180);
  return { latitude: (latitude + north).toFixed(6), longitude: (longitude + east).toFixed(6) };
}
