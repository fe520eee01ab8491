import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import pg from 'pg';

import type { Cursor } from '../../src/products/cursor.js';
import type { Listing } from '../../src/products/listing.js';
import type { PageRow } from '../../src/products/listing-sql.js';
import { listingStatement } from '../../src/products/listing-statement.js';
import type { Order, Sort } from '../../src/products/sort.js';
import { createDatabase, type Database } from '../support/database.js';

const ROWS = 100_000;
const LIMIT = 20;
const ROOT = Math.sqrt((LIMIT + 1) * ROWS);
/** Across a range: the scan budget read twice, eight times as many rows counted, and then sorted. */
const MOST_ACROSS = 18.5 * ROOT;

interface Plan {
  readonly 'Node Type': string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Relation Name'?: string;
  readonly 'Shared Hit Blocks': number;
  readonly 'Shared Read Blocks': number;
  readonly Plans?: readonly Plan[];
}

/** Nodes of a plan that read the products. */
function readsOf(plan: Plan): Plan[] {
  const here = plan['Relation Name'] === 'products' ? [plan] : [];
  return [...here, ...(plan.Plans ?? []).flatMap(readsOf)];
}

function rowsRead(plan: Plan): number {
  return readsOf(plan).reduce(
    (sum, read) =>
      sum + (read['Actual Rows'] + (read['Rows Removed by Filter'] ?? 0)) * read['Actual Loops'],
    0,
  );
}

const SORTS: Sort[] = ['id', 'price', 'name', 'created_at'];
const ORDERS: Order[] = ['asc', 'desc'];
// Half the table, one row in a hundred, none; the rare one stands at the table's end.
const CATEGORIES = [undefined, 'Common', 'Rare', 'Absent'];
const RANGES: Record<string, Pick<Listing, 'minPrice' | 'maxPrice'>> = {
  'no range': {},
  'a wide range': { minPrice: '10.00', maxPrice: '900.00' },
  'a range open above': { minPrice: '500.00' },
  'a narrow range': { minPrice: '100.00', maxPrice: '100.50' },
  'an empty range within the prices': { minPrice: '250.00', maxPrice: '250.00' },
  'an empty range beyond the prices': { minPrice: '5000.00', maxPrice: '6000.00' },
};

describe('The query plan of a listing', () => {
  let database: Database;
  let client: pg.Client;
  const cursors = new Map<Sort, Cursor>();

  beforeAll(async () => {
    database = await createDatabase();
    client = new pg.Client(database.url);
    await client.connect();
    // Prices from 0.00 to 999.99 but for 250.00, in an order of their own; the rare category comes last.
    await client.query(
      `INSERT INTO products
         (sku, name, description, category, price, currency, unit, producer, created_at)
       SELECT 'S-' || n, 'Product ' || (n * 7919) % 997, '',
              CASE WHEN n > $1 * 0.99 THEN 'Rare' WHEN n % 2 = 0 THEN 'Common' ELSE 'C' || n % 20 END,
              CASE WHEN price = 250 THEN 250.01 ELSE price END,
              'INR', 'kg', 'Asha Farm', timestamptz '2026-01-01Z' + n * interval '1 second'
       FROM (SELECT n, ((n * 48271::bigint) % 100000) / 100.0 AS price
             FROM generate_series(1, $1::int) n) numbers`,
      [ROWS],
    );
    await client.query('VACUUM ANALYZE products');
    for (const sort of SORTS) cursors.set(sort, await cursorAt(sort, ROWS / 2));
  });

  afterAll(async () => {
    await client.end();
    await database.drop();
  });

  async function cursorAt(sort: Sort, offset: number): Promise<Cursor> {
    const column =
      sort === 'created_at'
        ? `to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
        : sort;
    const { rows } = await client.query<Required<Cursor>>(
      `SELECT id::text, ${column}::text AS value FROM products
       ORDER BY ${sort}, id OFFSET ${offset} LIMIT 1`,
    );
    const [row] = rows;
    if (row === undefined) throw new Error('There is no such row');
    return sort === 'id' ? { id: row.id } : row;
  }

  async function explain(
    listing: Listing,
    mode: 'custom' | 'generic' = 'custom',
    effort = 1,
  ): Promise<Plan> {
    const { text, values } = listingStatement(listing, effort);
    await client.query(`SET plan_cache_mode = force_${mode}_plan`);
    await client.query(`PREPARE listing AS ${text}`);
    try {
      const literals = values.map((value) => client.escapeLiteral(String(value))).join(', ');
      const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(
        `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE listing(${literals})`,
      );
      const plan = rows[0]?.['QUERY PLAN'][0].Plan;
      if (plan === undefined) throw new Error('EXPLAIN said nothing');
      return plan;
    } finally {
      await client.query('DEALLOCATE listing');
    }
  }

  const filters = CATEGORIES.flatMap((category) =>
    Object.entries(RANGES).map(([name, range]) => ({ category, name, range })),
  );

  describe.each(SORTS)('sorted by %s', (sort) => {
    it.each(filters)(
      'reads few rows in the category $category with $name',
      async ({ category, name, range }) => {
        for (const order of ORDERS) {
          for (const cursor of [undefined, cursors.get(sort)]) {
            for (const mode of ['custom', 'generic'] as const) {
              const listing: Listing = {
                limit: LIMIT,
                sort,
                order,
                ...(category === undefined ? {} : { category }),
                ...range,
                ...(cursor === undefined ? {} : { cursor }),
              };
              const crosses = sort !== 'price' && name !== 'no range';
              const most = crosses ? MOST_ACROSS : LIMIT + 1;
              if (crosses && mode === 'generic') continue;

              const plan = await explain(listing, mode);
              // EXPLAIN does not count index entries that the scan rejects: only the blocks show them.
              const blocks = plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];
              if (!crosses && blocks > 2 * (LIMIT + 1) + 10) {
                throw new Error(
                  `${blocks} blocks read: ${JSON.stringify({ mode, listing, plan })}`,
                );
              }
              if (rowsRead(plan) > most) {
                throw new Error(
                  `${rowsRead(plan)} rows read, at most ${most} wanted: ${JSON.stringify({ mode, listing, plan })}`,
                );
              }
              expect(readsOf(plan).map((read) => read['Node Type'])).not.toContain('Seq Scan');
              expect(plan['Actual Rows']).toBe(1);
            }
          }
        }
      },
    );
  });

  it.each(SORTS)(
    'sorted by %s becomes generic, even if the first pages look cheap',
    async (sort) => {
      await client.query('SET plan_cache_mode = auto');
      const cursor = await cursorAt(sort, 5);
      const listing: Listing = { limit: LIMIT, sort, order: 'asc', category: 'Common', cursor };
      const { text, values } = listingStatement(listing, 1);
      const name = randomUUID();
      for (let times = 0; times < 10; times += 1) {
        await client.query({ name, text, values: [...values] });
      }
      const { rows } = await client.query(
        'SELECT custom_plans, generic_plans FROM pg_prepared_statements WHERE name = $1',
        [name],
      );
      // PostgreSQL makes the first five for their values in any case.
      expect(rows).toEqual([{ custom_plans: '5', generic_plans: '5' }]);
    },
  );

  describe('for a large range at the end of the sort order', () => {
    // The dearest are the youngest, and more than eight times the root.
    const first = Math.ceil(ROWS - 10 * ROOT);
    const listing: Listing = {
      limit: LIMIT,
      sort: 'created_at',
      order: 'asc',
      minPrice: '2000.00',
    };

    beforeAll(async () => {
      await client.query('BEGIN');
      await client.query('UPDATE products SET price = 2000 + id % 100 WHERE id >= $1', [first]);
      await client.query('SET LOCAL plan_cache_mode = auto');
    });

    afterAll(async () => {
      await client.query('ROLLBACK');
    });

    async function page(
      effort: number,
      part: Pick<Listing, 'maxPrice'> = {},
    ): Promise<{ ids: string[]; lastId: string } | undefined> {
      const { text, values } = listingStatement({ ...listing, ...part }, effort);
      const { rows } = await client.query<PageRow & { lastId: string }>(text, [...values]);
      return rows.map(({ products, lastId }) => ({
        ids: (JSON.parse(`[${products}]`) as { id: string }[]).map(({ id }) => id),
        lastId,
      }))[0];
    }

    it('stops within its budget', async () => {
      expect(await page(1)).toBeUndefined();
      // The root passed over and looked past, and eight times the root counted.
      expect(rowsRead(await explain(listing, 'custom', 1))).toBeLessThan(10.5 * ROOT);
    });

    it('sorts the range when it is small enough', async () => {
      const ids = Array.from({ length: 100 }, (_, nth) => first + nth)
        .filter((id) => id % 100 < 70)
        .slice(0, LIMIT)
        .map(String);
      expect(await page(1, { maxPrice: '2069.00' })).toEqual({ ids, lastId: ids.at(-1) });
    });

    it('finds the page with a larger budget', async () => {
      const ids = Array.from({ length: LIMIT }, (_, nth) => String(first + nth));
      expect(await page(4)).toEqual({ ids, lastId: ids.at(-1) });
      // Ten roots counted and sorted, eight passed over and looked past; along the sort it would be fifty-nine.
      expect(rowsRead(await explain(listing, 'custom', 4))).toBeLessThan(36.5 * ROOT);
    });
  });
});
