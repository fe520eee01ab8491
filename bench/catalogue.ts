import type { QueryResultRow } from 'pg';

import type { Cursor } from '../src/products/cursor.js';
import type { Sort } from '../src/products/sort.js';

/** Which products a listing holds. */
export interface Filter {
  /** What it is called in the tables. */
  readonly name: string;
  readonly category?: string;
  readonly minPrice?: string;
  readonly maxPrice?: string;
}

interface Database {
  query<Row extends QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
}

/** The sort value as a cursor carries it. */
const VALUE: Record<Sort, string> = {
  id: 'NULL',
  price: 'price::text',
  name: 'name',
  created_at: `to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`,
};

/** Looks, before anything is measured, for what makes good and bad requests in the catalogue at hand. */
export class Catalogue {
  constructor(private readonly database: Database) {}

  /** The categories, the largest first. */
  async categories(): Promise<{ category: string; rows: number; dearest: string }[]> {
    return await this.database.query(
      `SELECT category, count(*)::int AS rows, max(price)::text AS dearest
       FROM products WHERE deleted_at IS NULL GROUP BY category ORDER BY rows DESC`,
    );
  }

  /** A filter for the prices between two quantiles of those that another filter leaves. */
  async prices(within: Filter, name: string, from: number, to: number): Promise<Filter> {
    const { text, values } = condition(within);
    const [row] = await this.database.query<{ prices: string[] }>(
      `SELECT percentile_disc(ARRAY[${from}, ${to}]) WITHIN GROUP (ORDER BY price)::text[] AS prices
       FROM products WHERE ${text}`,
      values,
    );
    const [minPrice, maxPrice] = row?.prices ?? [];
    return {
      ...within,
      name,
      ...(minPrice === undefined || from === 0 ? {} : { minPrice }),
      ...(maxPrice === undefined || to === 1 ? {} : { maxPrice }),
    };
  }

  /** A price in the midst of the others that a single product has. */
  async lonePrice(name: string): Promise<Filter> {
    const [row] = await this.database.query<{ price: string }>(
      `SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY price)::text AS price
       FROM (
         SELECT price FROM products WHERE deleted_at IS NULL GROUP BY price HAVING count(*) = 1
       ) lone`,
    );
    const price = row?.price ?? '0';
    return { name, minPrice: price, maxPrice: price };
  }

  /** Prices between two neighbours that no product has. */
  async priceGap(name: string): Promise<Filter> {
    const [row] = await this.database.query<{ low: string; high: string }>(
      `SELECT (price + 0.01)::text AS low, (following - 0.01)::text AS high
       FROM (
         SELECT price, lead(price) OVER (ORDER BY price) AS following
         FROM products WHERE deleted_at IS NULL
       ) neighbours
       WHERE following - price > 0.02
       ORDER BY price LIMIT 1`,
    );
    return { name, minPrice: row?.low ?? '0', maxPrice: row?.high ?? '0' };
  }

  /** The ids of so many products, in no order. */
  async ids(count: number): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>(
      'SELECT id::text FROM products WHERE deleted_at IS NULL ORDER BY random() LIMIT $1',
      [count],
    );
    return rows.map(({ id }) => id);
  }

  async count(filter: Filter): Promise<number> {
    const { text, values } = condition(filter);
    const [row] = await this.database.query<{ rows: number }>(
      `SELECT count(*)::int AS rows FROM products WHERE ${text}`,
      values,
    );
    return row?.rows ?? 0;
  }

  /** The rows at these positions of a listing in ascending order, counted from 1, as cursors. */
  async places(
    filter: Filter,
    sort: Sort,
    positions: ReadonlySet<number>,
  ): Promise<Map<number, Cursor>> {
    const { text, values } = condition(filter);
    const rows = await this.database.query<{ position: number; id: string; value: string | null }>(
      `SELECT position::int, id::text, ${VALUE[sort]} AS value
       FROM (
         SELECT id, name, price, created_at, row_number() OVER (ORDER BY ${sort}, id) AS position
         FROM products WHERE ${text}
       ) listed
       WHERE position = ANY ($${values.length + 1}::bigint[])`,
      [...values, [...positions]],
    );
    return new Map(
      rows.map(({ position, id, value }) => [position, value === null ? { id } : { id, value }]),
    );
  }
}

function condition({ category, minPrice, maxPrice }: Filter): { text: string; values: unknown[] } {
  const values: unknown[] = [];
  const conditions = ['deleted_at IS NULL'];
  for (const [test, value] of [
    ['category =', category],
    ['price >=', minPrice],
    ['price <=', maxPrice],
  ]) {
    if (value !== undefined) {
      conditions.push(`${String(test)} $${values.push(value)}`);
    }
  }
  return { text: conditions.join(' AND '), values };
}
