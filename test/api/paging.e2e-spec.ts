import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { httpFetch, type ProductPage } from '../support/http.js';
import type { Database } from '../support/database.js';
import { insertProducts } from '../support/products.js';
import { type SharedService, sharedService } from '../support/shared-service.js';

interface Row {
  readonly name: string;
  readonly category: string;
  readonly price: string;
  readonly createdAt: string;
}

interface StoredRow extends Row {
  readonly id: string;
}

interface Listing {
  readonly sort: 'id' | 'price' | 'name' | 'created_at';
  readonly order: 'asc' | 'desc';
  readonly limit: number;
  readonly category: string | undefined;
  readonly minPrice: string | undefined;
  readonly maxPrice: string | undefined;
}

type Change =
  | { readonly kind: 'insert'; readonly row: Row }
  | { readonly kind: 'erase' | 'bury' | 'eraseLastSeen'; readonly nth: number }
  | { readonly kind: 'move'; readonly nth: number; readonly row: Row };

// Few values, so that most rows tie with others. All ICU versions know these characters: newer ones sort
// differently in Node and in PostgreSQL.
const NAMES = [
  'Okra',
  'okra',
  'Ökra',
  'okra ',
  'आम',
  'आमरस',
  '苹果',
  'яблоко',
  'Яблоко',
  'تفاح',
  '🍎',
  '🍎 Ambri',
  '👩🏽‍🌾',
  "Asha's Okra",
  '"Okra", washed',
  'Okra\\',
  'é',
  'e\u0301',
  '%_',
  '0',
  '10',
  '9',
];
const PRICES = ['0.00', '0.01', '9.99', '10.00', '10.01', '49.50', '9999999999.99'];
const TIMES = [
  '2025-12-31T23:59:59.999999Z',
  '2026-01-01T00:00:00.000000Z',
  '2026-01-01T00:00:00.000001Z',
  '2026-01-01T00:00:00.000999Z',
  '2026-01-01T00:00:00.001000Z',
];
const CATEGORIES = ['Vegetables', 'Leafy Greens', "Asha's & Co"];

const aRow: fc.Arbitrary<Row> = fc.record({
  name: fc.constantFrom(...NAMES),
  category: fc.constantFrom(...CATEGORIES),
  price: fc.constantFrom(...PRICES),
  createdAt: fc.constantFrom(...TIMES),
});
const someRows = fc.array(aRow, { minLength: 0, maxLength: 40 });
const aListing: fc.Arbitrary<Listing> = fc
  .record({
    sort: fc.constantFrom('id', 'price', 'name', 'created_at'),
    order: fc.constantFrom('asc', 'desc'),
    limit: fc.integer({ min: 1, max: 12 }),
    category: fc.option(fc.constantFrom(...CATEGORIES), { nil: undefined }),
    minPrice: fc.option(fc.constantFrom(...PRICES), { nil: undefined }),
    maxPrice: fc.option(fc.constantFrom(...PRICES), { nil: undefined }),
  })
  .filter(
    ({ minPrice, maxPrice }) =>
      minPrice === undefined || maxPrice === undefined || Number(minPrice) <= Number(maxPrice),
  );
const nth = fc.nat({ max: 1000 });
const aChange: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant('insert'), row: aRow }),
  fc.record({ kind: fc.constantFrom('erase', 'bury', 'eraseLastSeen'), nth }),
  fc.record({ kind: fc.constant('move'), nth, row: aRow }),
);

const collator = new Intl.Collator('und');

/** The order of the contract, computed without PostgreSQL. */
function compare(a: StoredRow, b: StoredRow, { sort, order }: Listing): number {
  const bySort = {
    id: 0,
    price: Number(a.price) - Number(b.price),
    name:
      collator.compare(a.name, b.name) || Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)),
    created_at: a.createdAt < b.createdAt ? -1 : a.createdAt > b.createdAt ? 1 : 0,
  }[sort];
  const ascending = bySort || Number(BigInt(a.id) - BigInt(b.id));
  return order === 'asc' ? ascending : -ascending;
}

function matches(row: Row, { category, minPrice, maxPrice }: Listing): boolean {
  return (
    (category === undefined || row.category === category) &&
    (minPrice === undefined || Number(row.price) >= Number(minPrice)) &&
    (maxPrice === undefined || Number(row.price) <= Number(maxPrice))
  );
}

describe('Following nextCursor to the end of GET /api/products', () => {
  let database: Database;
  let service: SharedService;

  beforeAll(async () => {
    service = await sharedService();
    ({ database } = service);
  });

  beforeEach(async () => {
    await database.query('TRUNCATE products');
  });

  async function fill(rows: readonly Row[]): Promise<StoredRow[]> {
    await database.query('TRUNCATE products');
    const ids = await insertProducts(database, rows);
    return rows.map((row, index) => ({ ...row, id: ids[index] ?? '' }));
  }

  /** Follows nextCursor and returns all ids; `between` runs after each page except the last. */
  async function follow(
    listing: Listing,
    between: (seen: readonly string[]) => Promise<void> = () => Promise.resolve(),
  ): Promise<string[]> {
    const seen: string[] = [];
    let cursor: string | undefined;
    for (;;) {
      const query = new URLSearchParams(
        Object.entries({ ...listing, cursor }).flatMap(([name, value]) =>
          value === undefined ? [] : [[name, String(value)] as [string, string]],
        ),
      );
      const { status, headers, body } = await httpFetch<ProductPage>(
        `${service.url}/api/products?${query.toString()}`,
      );
      expect(status === 200 ? 'a page' : body).toBe('a page');
      seen.push(...body.data.map(({ id }) => String(id)));
      if (body.nextCursor === null) {
        expect(headers.get('link')).toBeNull();
        return seen;
      }
      expect(body.data).toHaveLength(listing.limit);
      const next = /^<([^>]+)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1];
      expect(new URL(next ?? '', service.url).searchParams.get('cursor')).toBe(body.nextCursor);
      cursor = body.nextCursor;
      await between(seen);
    }
  }

  it('returns every row once, in the total order', async () => {
    await fc.assert(
      fc.asyncProperty(
        someRows,
        fc.array(aListing, { minLength: 3, maxLength: 6 }),
        async (rows, listings) => {
          const stored = await fill(rows);
          for (const listing of listings) {
            const expected = stored
              .filter((row) => matches(row, listing))
              .sort((a, b) => compare(a, b, listing))
              .map(({ id }) => id);
            expect(await follow(listing)).toEqual(expected);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('returns every row that existed throughout exactly once, even if rows change between the pages', async () => {
    await fc.assert(
      fc.asyncProperty(
        someRows.filter((rows) => rows.length > 5),
        aListing,
        fc.array(fc.array(aChange, { maxLength: 4 }), { minLength: 1, maxLength: 10 }),
        async (rows, listing, rounds) => {
          const stored = await fill(rows);
          const touched = new Set<string>();
          let round = 0;
          const seen = await follow(
            { ...listing, limit: Math.min(listing.limit, 4) },
            async (soFar) => {
              for (const change of rounds[round] ?? []) {
                const id =
                  change.kind === 'insert'
                    ? undefined
                    : change.kind === 'eraseLastSeen'
                      ? soFar.at(-1)
                      : stored[change.nth % stored.length]?.id;
                await apply(change, id);
                if (id !== undefined) touched.add(id);
              }
              round += 1;
            },
          );

          const unchanged = new Set(
            stored.filter(({ id }) => !touched.has(id)).map(({ id }) => id),
          );
          const expected = stored
            .filter((row) => unchanged.has(row.id) && matches(row, listing))
            .sort((a, b) => compare(a, b, listing))
            .map(({ id }) => id);
          expect(seen.filter((id) => unchanged.has(id))).toEqual(expected);
        },
      ),
      { numRuns: 60 },
    );
  });

  async function apply(change: Change, id: string | undefined): Promise<void> {
    if (change.kind === 'insert') {
      await insertProducts(database, [change.row]);
    } else if (change.kind === 'move') {
      const { name, category, price, createdAt } = change.row;
      await database.query(
        'UPDATE products SET name = $2, category = $3, price = $4, created_at = $5 WHERE id = $1',
        [id, name, category, price, createdAt],
      );
    } else if (change.kind === 'bury') {
      await database.query('UPDATE products SET deleted_at = now() WHERE id = $1', [id]);
    } else {
      await database.query('DELETE FROM products WHERE id = $1', [id]);
    }
  }
});
