import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { postgresConnection } from '../../src/database/connection.js';
import { sampleProduct } from '../../src/seed/sample-product.js';
import { type SeedOptions, seedProducts, type SeedResult } from '../../src/seed/seed-products.js';
import { createDatabase, type Database } from '../support/database.js';

const INSERT_FOREIGN = `
  INSERT INTO products (sku, name, description, category, price, currency, unit, producer)
  VALUES ($1, 'Foreign', '', 'Fruits', 10, 'INR', 'kg', 'A partner')`;

describe('Seeding', () => {
  let database: Database;

  beforeEach(async () => {
    database = await createDatabase();
  });

  afterEach(async () => {
    await database.drop();
  });

  async function seed(options: Omit<SeedOptions, 'currency'>): Promise<SeedResult> {
    return await seedProducts(postgresConnection(database.url), {
      currency: 'EUR',
      batch: 1000,
      ...options,
    });
  }

  async function skus(): Promise<string[]> {
    const rows = await database.query<{ sku: string }>(
      `SELECT sku FROM products WHERE name <> 'Foreign' ORDER BY id`,
    );
    return rows.map(({ sku }) => sku);
  }

  /** The skus of rows `first` to `last`. */
  function range(first: number, last: number): string[] {
    return Array.from({ length: last - first + 1 }, (_, index) => sampleProduct(first + index).sku);
  }

  it('loads the sample products, and a second run adds none', async () => {
    expect(await seed({ count: 5000 })).toEqual({ rows: 5000, added: 5000, stopped: false });
    expect(await seed({ count: 5000 })).toEqual({ rows: 5000, added: 0, stopped: false });
    expect(await skus()).toEqual(range(1, 5000));

    const product = sampleProduct(4321);
    const [row] = await database.query(
      `SELECT sku, name, description, category, price, currency, unit, producer,
              latitude::text, longitude::text, revision, deleted_at,
              trunc(extract(epoch FROM created_at) * 1000000)::text AS "createdAt",
              trunc(extract(epoch FROM updated_at) * 1000000)::text AS "updatedAt"
       FROM products WHERE sku = $1`,
      [product.sku],
    );
    expect({ ...row, latitude: Number(row?.latitude), longitude: Number(row?.longitude) }).toEqual({
      ...product,
      latitude: Number(product.latitude),
      longitude: Number(product.longitude),
      currency: 'EUR',
      revision: '0',
      deleted_at: null,
      createdAt: String(product.createdAt),
      updatedAt: String(product.updatedAt),
    });
  });

  it('continues a stopped run, and adds rows for a greater count', async () => {
    const controller = new AbortController();
    const stopped = await seed({
      count: 5000,
      signal: controller.signal,
      onProgress: (rows) => {
        if (rows > 2000) {
          controller.abort();
        }
      },
    });
    expect(stopped).toEqual({ rows: 2000, added: 2000, stopped: true });
    expect(await skus()).toEqual(range(1, 2000));

    expect(await seed({ count: 5000 })).toEqual({ rows: 5000, added: 3000, stopped: false });
    expect(await seed({ count: 5500 })).toEqual({ rows: 5500, added: 500, stopped: false });
    expect(await skus()).toEqual(range(1, 5500));
  });

  it('reconnects after a lost connection', async () => {
    const notices: string[] = [];
    let lost = false;
    const result = await seed({
      count: 5000,
      onNotice: (text) => notices.push(text),
      onProgress: (rows) => {
        if (rows >= 1000 && !lost) {
          lost = true;
          void database.query(
            `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()`,
          );
        }
      },
    });
    expect(result).toMatchObject({ rows: 5000, stopped: false });
    expect(notices.length).toBeGreaterThan(0);
    expect(await skus()).toEqual(range(1, 5000));
  });

  it('does not change products of other sources', async () => {
    const foreign = [
      'A-1',
      'sample-000000007',
      'SAMPLE-00000000X',
      'SAMPLE-000000500',
      'SAMPLE-000009999',
      'zzz',
    ];
    for (const sku of foreign) {
      await database.query(INSERT_FOREIGN, [sku]);
    }
    expect(await seed({ count: 3000 })).toEqual({ rows: 3000, added: 2999, stopped: false });
    expect(await skus()).toEqual(range(1, 3000).filter((sku) => sku !== 'SAMPLE-000000500'));
    const kept = await database.query(
      `SELECT sku FROM products WHERE name = 'Foreign' ORDER BY id`,
    );
    expect(kept.map(({ sku }) => sku)).toEqual(foreign);
  });

  it('does not restore deleted products or undo changes', async () => {
    await seed({ count: 2000 });
    await database.query('DELETE FROM products WHERE sku = $1', [sampleProduct(1500).sku]);
    await database.query('UPDATE products SET price = 1, revision = 9 WHERE sku = $1', [
      sampleProduct(2000).sku,
    ]);
    expect(await seed({ count: 3000 })).toEqual({ rows: 3000, added: 1000, stopped: false });
    expect(await database.query('SELECT count(*)::int, min(price) FROM products')).toEqual([
      { count: 2999, min: '1.00' },
    ]);
  });

  it('divides the work between two concurrent runs', async () => {
    const [one, other] = await Promise.all([
      seed({ count: 5000, batch: 300 }),
      seed({ count: 5000, batch: 700 }),
    ]);
    expect(one.added + other.added).toBe(5000);
    expect(await skus()).toEqual(range(1, 5000));
  });

  it('explains what to do when the table is missing or PostgreSQL does not answer', async () => {
    await database.query('DROP TABLE products');
    await expect(seed({ count: 10 })).rejects.toThrow(/npm run migration:run/);
    await expect(
      seedProducts(postgresConnection('postgres://nobody@127.0.0.1:1/none'), {
        count: 10,
        currency: 'EUR',
      }),
    ).rejects.toThrow(/Cannot connect to the database: .*DATABASE_URL/);
  });
});
