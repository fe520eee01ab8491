import { type Listing, MAX_LIMIT } from './listing.js';

/** A page, aggregated into one row. */
export interface PageRow {
  /** The products as JSON, separated by commas. */
  readonly products: string;
  /** The id of the last product; null when there is no next page. */
  readonly lastId: string | null;
  /** The sort value of the last product as text; null when there is no next page. */
  readonly lastValue: string | null;
}

const TIME = `'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'`;

/** The columns of a product with the API's names, order and formats. */
export const PRODUCT_COLUMNS = `
  p.id::text AS id, p.sku, p.name, p.description, p.category, p.price::text AS price, p.currency,
  p.unit, p.producer, p.latitude, p.longitude,
  to_char(p.created_at AT TIME ZONE 'UTC', ${TIME}) AS "createdAt",
  to_char(p.updated_at AT TIME ZONE 'UTC', ${TIME}) AS "updatedAt"`;

/** The sort value among {@link PRODUCT_COLUMNS}. */
export const SORT_VALUE = {
  id: 'id',
  price: 'price',
  name: 'name',
  created_at: '"createdAt"',
} as const;

const SORT_TYPE = {
  id: 'bigint',
  price: 'numeric',
  name: 'text',
  created_at: 'timestamptz',
} as const;

/**
 * Aggregates a page into one row: parsing twenty rows in Node costs more than aggregating them in PostgreSQL.
 *
 * `rows` is limited already. The limit is repeated because the planner assumes that an unknown limit keeps a tenth of
 * the rows: with two limits the generic plan looks cheaper than a custom plan, so PostgreSQL keeps it and stops planning
 * every page anew.
 */
export function aggregatePage(rows: string): string {
  return `
    SELECT
      coalesce(string_agg(json, ',') FILTER (WHERE nth < $1::int), '') AS products,
      CASE WHEN count(*) = $1::int THEN (array_agg(id))[$1::int - 1] END AS "lastId",
      CASE WHEN count(*) = $1::int THEN (array_agg(value))[$1::int - 1] END AS "lastValue"
    FROM (
      SELECT id, value, json, row_number() OVER () AS nth FROM (${rows}) listed LIMIT $1::int
    ) numbered`;
}

/** Adds a value to a statement, and returns its placeholder. */
export type Bind = (value: string, type: string) => string;

/** Collects the values of a statement. `$1` is one more row than the page has: the row shows that there is a next page. */
export function valuesOf({ limit }: Listing): { bind: Bind; values: readonly unknown[] } {
  const values: unknown[] = [limit + 1];
  return { values, bind: (value, type) => `$${values.push(value)}::${type}` };
}

/** A constant upper bound of `$1`: PostgreSQL plans for few rows with a constant, but not with a placeholder. */
export const MAX_ROWS = MAX_LIMIT + 1;

export function inCategory({ category }: Listing, bind: Bind): string[] {
  const exists = 'p.deleted_at IS NULL';
  return category === undefined ? [exists] : [exists, `p.category = ${bind(category, 'text')}`];
}

export function inPriceRange({ minPrice, maxPrice }: Listing, bind: Bind): string[] {
  return [
    ...(minPrice === undefined ? [] : [`p.price >= ${bind(minPrice, 'numeric')}`]),
    ...(maxPrice === undefined ? [] : [`p.price <= ${bind(maxPrice, 'numeric')}`]),
  ];
}

/** @param column holds the sort value. */
export function afterCursor(
  { order, cursor, sort }: Listing,
  column: string,
  bind: Bind,
): string[] {
  if (cursor === undefined) {
    return [];
  }
  const after = order === 'asc' ? '>' : '<';
  const id = bind(cursor.id, 'bigint');
  return cursor.value === undefined
    ? [`p.id ${after} ${id}`]
    : [`(${column}, p.id) ${after} (${bind(cursor.value, SORT_TYPE[sort])}, ${id})`];
}

/**
 * The order of a listing. With a category it has NULLS FIRST (descending: NULLS LAST), although no value is null. Only
 * the indexes that begin with the category provide this order (see the migration).
 *
 * @param column holds the sort value.
 */
export function inOrder(
  { sort, order, category }: Pick<Listing, 'sort' | 'order' | 'category'>,
  column: string,
): string {
  const nulls = category === undefined ? '' : order === 'asc' ? 'NULLS FIRST' : 'NULLS LAST';
  return `${column} ${order} ${nulls}${sort === 'id' ? '' : `, p.id ${order}`}`;
}
