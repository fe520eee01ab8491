import { describe, expect, it } from '@jest/globals';

import { categories, cities } from './sample-catalog.js';
import {
  rowOfSampleSku,
  SAMPLE_PERIOD,
  SAMPLE_SKU_PATTERN,
  sampleProduct,
  sampleSku,
} from './sample-product.js';

const ROWS = 20_000;
const products = Array.from({ length: ROWS }, (_, index) => sampleProduct(index + 1));

describe('The sample catalog', () => {
  it('has category shares that add up to 1,000', () => {
    expect(categories.reduce((sum, { share }) => sum + share, 0)).toBe(1000);
  });

  it('has the same row for a number every time', () => {
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

  it('gives each row a unique sku, in row order', () => {
    const skus = products.map(({ sku }) => sku);
    expect(new Set(skus).size).toBe(ROWS);
    expect(skus.toSorted()).toEqual(skus);
    for (const row of [1, 99_999, 100_000_000]) {
      expect(sampleSku(row)).toMatch(new RegExp(SAMPLE_SKU_PATTERN));
      expect(rowOfSampleSku(sampleSku(row))).toBe(row);
    }
  });

  it('has only rows that the table accepts', () => {
    const invalid = products.filter(
      ({ name, producer, description, price, latitude, longitude }) =>
        name.length > 200 ||
        producer.length > 200 ||
        description.length > 5000 ||
        !/^[1-9]\d{0,9}\.\d\d$/.test(price) ||
        (latitude === null) !== (longitude === null) ||
        /[{}]/.test(name + producer + description),
    );
    expect(invalid).toEqual([]);
  });

  it('takes goods, units, prices and producers from the category', () => {
    const byName = new Map(categories.map((category) => [category.name, category]));
    const misplaced = products.filter((product) => {
      const category = byName.get(product.category);
      const good = category?.goods.some(
        ({ name, unit, minPrice, maxPrice }) =>
          product.name.includes(name) &&
          product.unit === unit &&
          Number(product.price) >= minPrice &&
          Number(product.price) <= maxPrice,
      );
      const producer = category?.producers.some((pattern) =>
        pattern.split(/\{\w+\}/).every((part) => product.producer.includes(part)),
      );
      return good !== true || producer !== true;
    });
    expect(misplaced).toEqual([]);
  });

  it('has large and small categories, and devices among the first 100 rows', () => {
    const share = (category: string, rows: number): number =>
      products.slice(0, rows).filter((product) => product.category === category).length / rows;
    expect(share('Vegetables', ROWS)).toBeGreaterThan(0.18);
    expect(share('Flowers', ROWS)).toBeGreaterThan(0.005);
    expect(share('Flowers', ROWS)).toBeLessThan(0.02);
    expect(share('Electronics', 100)).toBeGreaterThanOrEqual(0.03);
    expect(new Set(products.map(({ category }) => category)).size).toBe(categories.length);
  });

  it('places at least 95 % of the products near a city, and the others nowhere', () => {
    const placed = products.filter(({ latitude }) => latitude !== null);
    expect(placed.length / ROWS).toBeGreaterThan(0.95);
    expect(placed.length).toBeLessThan(ROWS);
    const astray = placed.filter(({ latitude, longitude }) =>
      cities.every((city) => {
        const north = Number(latitude) - city.latitude;
        const east = Number(longitude) - city.longitude;
        return Math.hypot(north, east * Math.cos((city.latitude * Math.PI) / 180)) > 0.226;
      }),
    );
    expect(astray).toEqual([]);
  });

  it('has creation times over two years, in microseconds, and no earlier update times', () => {
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
