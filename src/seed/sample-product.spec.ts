import { describe, expect, it } from '@jest/globals';

import { CATALOGUE } from './sample-catalog.js';
import { CITIES } from './city.js';
import {
  rowOfSampleSku,
  SAMPLE_PERIOD,
  SAMPLE_SKU_PATTERN,
  sampleProduct,
  sampleSku,
} from './sample-product.js';

const ROWS = 20_000;
const products = Array.from({ length: ROWS }, (_, index) => sampleProduct(index + 1));

describe('The sample catalogue', () => {
  it('has shares that add up to a thousand', () => {
    expect(CATALOGUE.reduce((sum, { share }) => sum + share, 0)).toBe(1000);
  });

  it('is the same every time', () => {
    expect(sampleProduct(1)).toEqual(products[0]);
    expect(sampleProduct(12_345)).toEqual(products[12_344]);
    expect(sampleProduct(42)).toMatchInlineSnapshot(`
     {
       "category": "Vegetables",
       "createdAt": 1760911817112776,
       "description": "Harvested to order for households in and around Raipur. Packed in a reusable crate.",
       "latitude": "21.226886",
       "longitude": "81.855859",
       "name": "Oyster Mushroom, Washed",
       "price": "308.88",
       "producer": "Raipur Vegetable Growers FPO",
       "sku": "SAMPLE-000000042",
       "unit": "kg",
       "updatedAt": 1760911817112776,
     }
    `);
  });

  it('names every row by a sku of its own, in order', () => {
    const skus = products.map(({ sku }) => sku);
    expect(new Set(skus).size).toBe(ROWS);
    expect(skus.toSorted()).toEqual(skus);
    for (const row of [1, 99_999, 100_000_000]) {
      expect(sampleSku(row)).toMatch(new RegExp(SAMPLE_SKU_PATTERN));
      expect(rowOfSampleSku(sampleSku(row))).toBe(row);
    }
  });

  it('keeps to what the table accepts', () => {
    const refused = products.filter(
      ({ name, producer, description, price, latitude, longitude }) =>
        name.length > 200 ||
        producer.length > 200 ||
        description.length > 5000 ||
        !/^[1-9]\d{0,9}\.\d\d$/.test(price) ||
        (latitude === null) !== (longitude === null) ||
        /[{}]/.test(name + producer + description),
    );
    expect(refused).toEqual([]);
  });

  it('has goods, units, prices and producers of their category', () => {
    const categories = new Map(CATALOGUE.map((category) => [category.name, category]));
    const misplaced = products.filter((product) => {
      const category = categories.get(product.category);
      const good = category?.goods.some(
        ([name, unit, least, highest]) =>
          product.name.includes(name) &&
          product.unit === unit &&
          Number(product.price) >= least &&
          Number(product.price) <= highest,
      );
      const producer = category?.producers.some((pattern) =>
        pattern.split(/\{\w+\}/).every((part) => product.producer.includes(part)),
      );
      return good !== true || producer !== true;
    });
    expect(misplaced).toEqual([]);
  });

  it('is uneven: a large category, a small one, and devices among the first hundred', () => {
    const share = (category: string, rows: number): number =>
      products.slice(0, rows).filter((product) => product.category === category).length / rows;
    expect(share('Vegetables', ROWS)).toBeGreaterThan(0.18);
    expect(share('Flowers', ROWS)).toBeGreaterThan(0.005);
    expect(share('Flowers', ROWS)).toBeLessThan(0.02);
    expect(share('Electronics', 100)).toBeGreaterThanOrEqual(0.03);
    expect(new Set(products.map(({ category }) => category)).size).toBe(CATALOGUE.length);
  });

  it('stands around cities, but for a few that show no place', () => {
    const placed = products.filter(({ latitude }) => latitude !== null);
    expect(placed.length / ROWS).toBeGreaterThan(0.95);
    expect(placed.length).toBeLessThan(ROWS);
    const astray = placed.filter(({ latitude, longitude }) =>
      CITIES.every(([, north, east]) => {
        const shrink = Math.cos((north * Math.PI) / 180);
        return Math.hypot(Number(latitude) - north, (Number(longitude) - east) * shrink) > 0.226;
      }),
    );
    expect(astray).toEqual([]);
  });

  it('was created over two years, to the microsecond, and never updated before', () => {
    const misdated = products.filter(
      ({ createdAt, updatedAt }) =>
        !Number.isSafeInteger(createdAt) ||
        !Number.isSafeInteger(updatedAt) ||
        createdAt < SAMPLE_PERIOD.from ||
        updatedAt < createdAt ||
        updatedAt >= SAMPLE_PERIOD.until,
    );
    expect(misdated).toEqual([]);
    const months = products.map(({ createdAt }) =>
      new Date(createdAt / 1000).toISOString().slice(0, 7),
    );
    expect(new Set(months).size).toBe(24);
    expect(products.some(({ createdAt }) => createdAt % 1000 !== 0)).toBe(true);
  });
});
