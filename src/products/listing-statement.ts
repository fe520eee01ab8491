import type { Statement } from '../database/statement.js';
import { type Listing, MAX_LIMIT } from './listing.js';
import { comparePrices } from './price.js';

/** The one row that a page is read as. */
export interface PageRow {
  /** The products as JSON with commas between them, made by PostgreSQL: the bytes that are sent. */
  readonly products: string;
  /** The id of the last product, when there is a next page. */
  readonly lastId: string | null;
  /** Its sort value as text, as a cursor carries it. */
  readonly lastValue: string | null;
}

const TIME = `'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'`;

/** The columns of a product in the API's names, order and form. */
const PRODUCT = `
  p.id::text AS id, p.sku, p.name, p.description, p.category, p.price::text AS price, p.currency,
  p.unit, p.producer, p.latitude, p.longitude,
  to_char(p.created_at AT TIME ZONE 'UTC', ${TIME}) AS "createdAt",
  to_char(p.updated_at AT TIME ZONE 'UTC', ${TIME}) AS "updatedAt"`;

/** The sort value among the columns of {@link PRODUCT}. */
const VALUE = { id: 'id', price: 'price', name: 'name', created_at: '"createdAt"' } as const;
const TYPE = { id: 'bigint', price: 'numeric', name: 'text', created_at: 'timestamptz' } as const;

/** Rows of a price range that is cheaper to sort than anything else is to try. */
const TINY_RANGE = 'rows / 8';
/** Rows of a price range that is sorted when the sort has not come by enough of them within its own bound. */
const SMALL_RANGE = '8 * rows';

/**
 * The statement of a page, which reads one row more to tell whether there is a next page. It may give no row: then
 * the page takes more than `effort`, a factor to what is usually read to find one.
 */
export function listingStatement(listing: Listing, effort: number): Statement {
  return listing.sort !== 'price' && (listing.minPrice ?? listing.maxPrice) !== undefined
    ? acrossPrices(listing, effort)
    : alongSort(listing);
}

/**
 * Makes one row of the rows of a page, for to take twenty apart costs the service more than PostgreSQL to join them.
 *
 * The limit that the rows have already stands here again. A plan for any values takes it for a tenth, twice now, and so
 * looks cheaper than one for the values at hand, which takes as long to make as to run: a connection whose first pages
 * look cheap, as those of a large category do, would go on making one for each page along a sort.
 */
function asPage(rows: string): string {
  return `
    SELECT
      coalesce(string_agg(json, ',') FILTER (WHERE nth < $1::int), '') AS products,
      CASE WHEN count(*) = $1::int THEN (array_agg(id))[$1::int - 1] END AS "lastId",
      CASE WHEN count(*) = $1::int THEN (array_agg(value))[$1::int - 1] END AS "lastValue"
    FROM (
      SELECT id, value, json, row_number() OVER () AS nth FROM (${rows}) listed LIMIT $1::int
    ) numbered`;
}

/** One product as JSON, by its id. */
export function productStatement(id: string): Statement {
  return {
    text: `
      SELECT row_to_json(found)::text AS json
      FROM (SELECT ${PRODUCT} FROM products p WHERE p.id = $1::bigint AND p.deleted_at IS NULL) found`,
    values: [id],
    prepared: true,
  };
}

/** The skus of products, by their ids. */
export function skusStatement(ids: readonly string[]): Statement {
  return {
    text: `SELECT id, sku FROM products WHERE id = ANY($1::bigint[]) AND deleted_at IS NULL`,
    values: [ids],
    prepared: true,
  };
}

/**
 * A page that is a range of one index: the row comparison with the cursor starts the scan at its row.
 *
 * A literal LIMIT inside has PostgreSQL plan for few rows; the page's own limit outside is a value, so
 * that one prepared statement serves them all. Rows are pulled one by one: no row too many is read.
 */
function alongSort(asked: Listing): Statement {
  const listing = withoutRedundancy(asked);
  const { sort } = listing;
  const { bind, values } = binder(listing.limit + 1);
  const conditions = [
    ...inCategory(listing, bind),
    ...inPriceRange(listing, bind),
    ...afterCursor(listing, `p.${sort}`, bind),
  ];
  return {
    text: asPage(`
      SELECT page.id, page.${VALUE[sort]} AS value, row_to_json(page)::text AS json
      FROM (
        SELECT ${PRODUCT}
        FROM products p
        WHERE ${conditions.join(' AND ')}
        ORDER BY ${inOrder(listing, `p.${sort}`)}
        LIMIT ${MAX_LIMIT + 1}
      ) page
      LIMIT $1::int`),
    values,
    prepared: true,
  };
}

/**
 * A page of a price range under another sort, which no single index holds. There are two ways: along
 * the sort, passing over what is out of the range, or along the price, sorting all of the range. The
 * first costs limit × rows ÷ range, the second as many rows as the range has; they meet at the root of
 * limit × rows. Both read nothing but an index.
 *
 * The planner would have to guess the size of the range, and guesses badly where price hangs together
 * with category or name. Here the ways are tried in turn, each within a bound: a tiny range is sorted; a
 * large one that is well spread fills the page along the sort within the root; what is left of small
 * ranges, of up to eight times the root, is sorted. For a large range that the sort reaches late there
 * is no row, unless the effort is a larger one: the bounds grow with it, and that of the sort faster,
 * for a row that is counted and sorted costs three times one that is passed over.
 *
 * Not prepared, for the LIMIT has to be planned by value.
 */
function acrossPrices(listing: Listing, effort: number): Statement {
  const { sort } = listing;
  const { bind, values } = binder(listing.limit + 1);
  const factor = bind(String(effort), 'int');
  const root = 'sqrt($1::int * greatest(reltuples, 1))';
  const category = inCategory(listing, bind);
  const range = inPriceRange(listing, bind).join(' AND ');
  const along = inOrder(listing, `p.${sort}`);
  const uncategorised = { ...listing, category: undefined };

  /** The rows of the range in the order of its index. */
  const inRange = `
    SELECT p.id, p.${sort} AS value
    FROM products p
    WHERE ${[...category, range].join(' AND ')}
    ORDER BY ${inOrder({ ...listing, sort: 'price', order: 'asc' }, 'p.price')}`;
  const hasAtMost = (most: string): string =>
    `SELECT NOT EXISTS (${inRange} LIMIT 1 OFFSET (SELECT ${most} FROM root)) AS range`;
  /** The rows along the sort from the cursor on, in the range or not. */
  const remaining = `
    SELECT p.id, p.price
    FROM products p
    WHERE ${[...category, ...afterCursor(listing, `p.${sort}`, bind)].join(' AND ')}
    ORDER BY ${along}`;

  return {
    text: `
      WITH root AS MATERIALIZED (
        SELECT ceil(${factor} * ${root})::bigint AS rows, ceil(${factor} ^ 1.5 * ${root})::bigint AS reach
        FROM pg_class WHERE oid = 'products'::regclass
      ), tiny AS MATERIALIZED (
        ${effort === 1 ? hasAtMost(TINY_RANGE) : 'SELECT false AS range'}
      ), passed AS MATERIALIZED (
        SELECT p.id
        FROM (${remaining} LIMIT (SELECT CASE WHEN tiny.range THEN 0 ELSE reach END FROM root, tiny)) p
        WHERE ${range}
        LIMIT $1::int
      ), settled AS MATERIALIZED (
        SELECT (SELECT range FROM tiny) OR count(*) = $1::int OR NOT EXISTS (
          ${remaining} LIMIT 1 OFFSET (SELECT reach FROM root)
        ) AS page
        FROM passed
      ), small AS MATERIALIZED (
        SELECT tiny.range OR (NOT settled.page AND (${hasAtMost(SMALL_RANGE)})) AS range FROM tiny, settled
      ), page AS (
        SELECT id FROM passed WHERE NOT (SELECT range FROM small)
        UNION ALL
        (
          SELECT p.id
          FROM (${inRange} LIMIT (SELECT ${SMALL_RANGE} FROM root)) p
          WHERE ${['(SELECT range FROM small)', ...afterCursor(listing, 'p.value', bind)].join(' AND ')}
          ORDER BY ${inOrder(uncategorised, 'p.value')}
          LIMIT $1::int
        )
      )
      ${asPage(`
        SELECT found.id, found.${VALUE[sort]} AS value, row_to_json(found)::text AS json
        FROM (
          SELECT ${PRODUCT}
          FROM page JOIN products p USING (id)
          ORDER BY ${inOrder(uncategorised, `p.${sort}`)}
        ) found`)}
      HAVING (SELECT page FROM settled) OR (SELECT range FROM small)`,
    values,
    prepared: false,
  };
}

type Bind = (value: string, type: string) => string;

/** Collects the values of a statement; the page's limit is the first. */
function binder(limit: number): { bind: Bind; values: readonly unknown[] } {
  const values: unknown[] = [limit];
  return { values, bind: (value, type) => `$${values.push(value)}::${type}` };
}

function inCategory({ category }: Listing, bind: Bind): string[] {
  const standing = 'p.deleted_at IS NULL';
  return category === undefined ? [standing] : [standing, `p.category = ${bind(category, 'text')}`];
}

function inPriceRange({ minPrice, maxPrice }: Listing, bind: Bind): string[] {
  return [
    ...(minPrice === undefined ? [] : [`p.price >= ${bind(minPrice, 'numeric')}`]),
    ...(maxPrice === undefined ? [] : [`p.price <= ${bind(maxPrice, 'numeric')}`]),
  ];
}

function afterCursor({ order, cursor, sort }: Listing, value: string, bind: Bind): string[] {
  if (cursor === undefined) {
    return [];
  }
  const after = order === 'asc' ? '>' : '<';
  const id = bind(cursor.id, 'bigint');
  return cursor.value === undefined
    ? [`p.id ${after} ${id}`]
    : [`(${value}, p.id) ${after} (${bind(cursor.value, TYPE[sort])}, ${id})`];
}

/** With a category the order says NULLS FIRST, which only the category's indexes provide (see the migration). */
function inOrder({ sort, order, category }: OrderedBy, value: string): string {
  const nulls = category === undefined ? '' : order === 'asc' ? 'NULLS FIRST' : 'NULLS LAST';
  return `${value} ${order} ${nulls}${sort === 'id' ? '' : `, p.id ${order}`}`;
}

type OrderedBy = Pick<Listing, 'sort' | 'order'> & { readonly category?: string | undefined };

/**
 * The listing without what says nothing: sorted by price, of the cursor and the bound on its side only
 * the one further on matters. Given both, PostgreSQL may start its scan at the other and read up to it.
 */
function withoutRedundancy(listing: Listing): Listing {
  const { sort, order, cursor, minPrice, maxPrice } = listing;
  const bound = order === 'asc' ? minPrice : maxPrice;
  if (sort !== 'price' || cursor?.value === undefined || bound === undefined) {
    return listing;
  }
  const ahead = comparePrices(cursor.value, bound) * (order === 'asc' ? 1 : -1);
  const {
    [ahead < 0 ? 'cursor' : order === 'asc' ? 'minPrice' : 'maxPrice']: _redundant,
    ...rest
  } = listing;
  return rest;
}
