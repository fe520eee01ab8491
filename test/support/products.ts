import type { Database } from './database.js';

/** The columns of a product that a spec may set; the others have fixed values. */
export interface ProductRow {
  readonly name?: string;
  readonly category?: string;
  readonly price?: string;
  /** RFC 3339 with microseconds. */
  readonly createdAt?: string;
}

let lastSku = 0;

/** Inserts products in this order and returns their ids. */
export async function insertProducts(
  database: Database,
  rows: readonly ProductRow[],
): Promise<string[]> {
  const inserted = await database.query<{ id: string }>(
    `INSERT INTO products
       (sku, name, description, category, price, currency, unit, producer, created_at)
     SELECT sku, name, 'Fresh.', category, price, 'INR', 'kg', 'Asha Farm', created_at
     FROM ROWS FROM (json_to_recordset($1)
       AS (sku text, name text, category text, price numeric, created_at timestamptz)) WITH ORDINALITY
       AS row (sku, name, category, price, created_at, nth)
     ORDER BY nth
     RETURNING id::text AS id`,
    [
      JSON.stringify(
        rows.map(
          ({
            name = 'Okra',
            category = 'Vegetables',
            price = '40.00',
            createdAt = '2026-01-01T00:00:00.000000Z',
          }) => ({ sku: `T-${(lastSku += 1)}`, name, category, price, created_at: createdAt }),
        ),
      ),
    ],
  );
  return inserted.map(({ id }) => id);
}
