import type { Cursor } from '../src/products/cursor.js';
import type { Sort } from '../src/products/sort.js';
import type { Testbed } from './testbed.js';

/** The filter parameters of a listing. */
export interface Filter {
  /** How reports name it. */
  readonly name: string;
  readonly category?: string;
  readonly minPrice?: string;
  readonly maxPrice?: string;
}

/** The sort value as a cursor carries it. */
const CURSOR_VALUE: Record<Sort, string> = {
  id: 'NULL',
  price: 'price::text',
  name: 'name',
  created_at: `to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`,
};

/** Finds categories, price ranges and positions in the catalog from which scenarios make their requests. */
export class Catalog {
  constructor(private readonly database: Pick<Testbed, 'query'>) {}

  /** The categories with the most and with the fewest products. */
  async categories(): Promise<[large: string, small: string]> {
    const found = await this.database.query<{ category: string }>(
      `SELECT category FROM products WHERE deleted_at IS NULL
       GROUP BY category ORDER BY count(*) DESC`,
    );
    return [found.at(0)?.category ?? '', found.at(-1)?.category ?? ''];
  }

  /** The products of `within` whose price lies between two quantiles of their prices. */
  async prices(within: Filter, name: string, from: number, to: number): Promise<Filter> {
    const { text, values } = conditionOf(within);
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

  /** The ids of random products. */
  async ids(count: number): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>(
      'SELECT id::text FROM products WHERE deleted_at IS NULL ORDER BY random() LIMIT $1',
      [count],
    );
    return rows.map(({ id }) => id);
  }

  async count(filter: Filter): Promise<number> {
    const { text, values } = conditionOf(filter);
    const [row] = await this.database.query<{ rows: number }>(
      `SELECT count(*)::int AS rows FROM products WHERE ${text}`,
      values,
    );
    return row?.rows ?? 0;
  }

  /** Cursors of the products at some positions of a listing in ascending order. The first position is 1. */
  async cursors(filter: Filter, sort: Sort, positions: readonly number[]) {
    const { text, values } = conditionOf(filter);
    const rows = await this.database.query<{ position: number; id: string; value: string | null }>(
      `SELECT position::int, id::text, ${CURSOR_VALUE[sort]} AS value
       FROM (
         SELECT id, name, price, created_at, row_number() OVER (ORDER BY ${sort}, id) AS position
         FROM products WHERE ${text}
       ) listed
       WHERE position = ANY ($${values.length + 1}::bigint[])`,
      [...values, positions],
    );
    return new Map<number, Cursor>(
      rows.map(({ position, id, value }) => [position, value === null ? { id } : { id, value }]),
    );
  }
}

function conditionOf({ category, minPrice, maxPrice }: Filter) {
  const values: unknown[] = [];
  const conditions = ['deleted_at IS NULL'];
  if (category !== undefined) conditions.push(`category = $${values.push(category)}`);
  if (minPrice !== undefined) conditions.push(`price >= $${values.push(minPrice)}`);
  if (maxPrice !== undefined) conditions.push(`price <= $${values.push(maxPrice)}`);
  return { text: conditions.join(' AND '), values };
}
