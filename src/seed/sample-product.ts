import { randomSequence } from './random-sequence.js';
import { categories, cities, type City, surnames } from './sample-catalog.js';

/** A row of the sample catalog. */
export interface SampleProduct {
  readonly sku: string;
  readonly name: string;
  readonly description: string;
  readonly category: string;
  /** A decimal with two places. */
  readonly price: string;
  readonly unit: string;
  readonly producer: string;
  /** WGS 84 degrees, both null for a product without a place. */
  readonly latitude: string | null;
  readonly longitude: string | null;
  /** Microseconds since 1970, like `updatedAt`. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** The range of creation times, microseconds since 1970. Fixed, so that a row is the same on every day. */
export const SAMPLE_PERIOD = {
  from: Date.UTC(2024, 0, 1) * 1000,
  until: Date.UTC(2026, 0, 1) * 1000,
} as const;

const SKU_PREFIX = 'SAMPLE-';
const SKU_DIGITS = 9;

/** Matches only sample skus, in PostgreSQL and in JavaScript. */
export const SAMPLE_SKU_PATTERN = `^${SKU_PREFIX}[0-9]{${SKU_DIGITS}}$`;

/** Largest distance of a product from the centre of its city, in degrees of latitude: about 25 km. */
const RADIUS_DEGREES = 0.225;

const RANDOM_RANGE = 2 ** 32;

/** Each category as many times as its share. */
const WEIGHTED_CATEGORIES = categories.flatMap((category) =>
  Array.from({ length: category.share }, () => category),
);

/** The sku of a row. Its width is fixed, so that skus sort in row order. */
export function sampleSku(row: number): string {
  return SKU_PREFIX + String(row).padStart(SKU_DIGITS, '0');
}

/** The row of a sku that matches {@link SAMPLE_SKU_PATTERN}. */
export function rowOfSampleSku(sku: string): number {
  return Number(sku.slice(SKU_PREFIX.length));
}

/**
 * Generates the sample product of a row from 1 to 999,999,999. The product depends on the row alone, so a larger load
 * starts with the rows of a smaller one.
 */
export function sampleProduct(row: number): SampleProduct {
  const random = randomSequence(row);

  const category = pick(WEIGHTED_CATEGORIES, random());
  const good = pick(category.goods, random());
  // The minimum of two makes the first cities the most frequent.
  const city = pick(cities, Math.min(random(), random()));
  const producer = pick(category.producers, random())
    .replace('{surname}', pick(surnames, random()))
    .replace('{city}', city.name);

  let name = good.name;
  if (happens(0.7, random())) {
    name = `${pick(category.qualities, random())} ${name}`;
  }
  if (happens(0.4, random())) {
    name = `${name}, ${pick(category.finishes, random())}`;
  }

  let description = pick(category.origins, random())
    .replace('{good}', good.name)
    .replace('{city}', city.name);
  if (happens(0.7, random())) {
    description = `${description} ${pick(category.hints, random())}`;
  }

  const createdAt = interpolate(
    SAMPLE_PERIOD.from,
    SAMPLE_PERIOD.until,
    fraction(random(), random()),
  );
  const updatedAt = happens(0.35, random())
    ? interpolate(createdAt, SAMPLE_PERIOD.until, fraction(random(), random()))
    : createdAt;

  const price = priceBetween(good.minPrice, good.maxPrice, random(), random());
  const place = happens(0.97, random()) ? placeAround(city, random(), random()) : undefined;

  return {
    sku: sampleSku(row),
    name,
    description,
    category: category.name,
    price,
    unit: good.unit,
    producer,
    latitude: place?.latitude ?? null,
    longitude: place?.longitude ?? null,
    createdAt,
    updatedAt,
  };
}

function pick<Item>(items: readonly Item[], random: number): Item {
  const item = items[Math.floor((random / RANDOM_RANGE) * items.length)];
  if (item === undefined) {
    throw new RangeError('There is no item to pick');
  }
  return item;
}

function happens(probability: number, random: number): boolean {
  return random < probability * RANDOM_RANGE;
}

/** A fraction from 0 to below 1 with 52 random bits: 32 are too few for the microseconds of two years. */
function fraction(high: number, low: number): number {
  return ((high >>> 6) * 2 ** 26 + (low >>> 6)) / 2 ** 52;
}

function interpolate(from: number, until: number, part: number): number {
  return from + Math.floor((until - from) * part);
}

/** Two prices of three are whole rupees. The sum of two random numbers makes the middle of the range likelier. */
function priceBetween(min: number, max: number, a: number, b: number): string {
  const paise = interpolate(min * 100, max * 100, (a + b) / (2 * RANDOM_RANGE));
  const rupees = Math.floor(paise / 100);
  return a % 3 === 0 ? `${rupees}.${String(paise % 100).padStart(2, '0')}` : `${rupees}.00`;
}

/** A place within {@link RADIUS_DEGREES} of a city. */
function placeAround(
  { latitude, longitude }: City,
  randomDistance: number,
  randomAngle: number,
): { latitude: string; longitude: string } {
  // The square root spreads the places evenly over the disc.
  const distance = RADIUS_DEGREES * Math.sqrt(randomDistance / RANDOM_RANGE);
  const angle = (2 * Math.PI * randomAngle) / RANDOM_RANGE;
  const north = distance * Math.sin(angle);
  // A degree of longitude shrinks with the latitude.
  const east = (distance * Math.cos(angle)) / Math.cos((latitude * Math.PI) / 180);
  return { latitude: (latitude + north).toFixed(6), longitude: (longitude + east).toFixed(6) };
}
