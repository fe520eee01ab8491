import type { Statement } from '../database/statement.js';
import type { Listing } from './listing.js';
import {
  afterCursor,
  aggregatePage,
  inCategory,
  inOrder,
  inPriceRange,
  PRODUCT_COLUMNS,
  SORT_VALUE,
  valuesOf,
} from './listing-sql.js';

/** Maximum size of a price range that is sorted without trying a scan in sort order. */
const NARROW_RANGE = 'scan_budget / 8';
/** Maximum size of a price range that is sorted when the scan in sort order has not filled the page. */
const SORTABLE_RANGE = '8 * scan_budget';

/**
 * A page of a price range under another sort, which no single index holds. There are two plans, and both read only an
 * index:
 *
 * - Scan in sort order and skip the rows outside the range. This reads limit × rows ÷ range rows.
 * - Sort all rows of the range. This reads as many rows as the range has.
 *
 * The plans cost the same when the range has √(limit × rows) rows: the scan budget. The planner would have to estimate
 * the size of the range, and estimates badly where price depends on category or name. So the statement tries the plans
 * in turn, each within a limit:
 *
 * 1. `narrow`: a range of at most an eighth of the scan budget is sorted.
 * 2. `scanned`: otherwise a scan in sort order, up to `sort_scan_limit`, looks for the rows of the page. `complete` says
 *    whether it filled the page or came to the end.
 * 3. `sortable`: otherwise a range of at most eight times the scan budget is sorted.
 *
 * A large range whose rows come late in the sort order gives no row. A larger budget raises all limits, that of the scan
 * most: counting and sorting a row costs three times as much as skipping one.
 *
 * Not prepared, because the planner needs the values to plan the LIMITs.
 */
export function priceRangeStatement(listing: Listing, budget: number): Statement {
  const { sort } = listing;
  const { bind, values } = valuesOf(listing);
  const factor = bind(String(budget), 'int');
  const equalCost = 'sqrt($1::int * greatest(reltuples, 1))';
  const category = inCategory(listing, bind);
  const range = inPriceRange(listing, bind).join(' AND ');
  const uncategorised = { ...listing, category: undefined };

  /** The rows of the range, in the order of the price index. */
  const inRange = `
    SELECT p.id, p.${sort} AS value
    FROM products p
    WHERE ${[...category, range].join(' AND ')}
    ORDER BY ${inOrder({ ...listing, sort: 'price', order: 'asc' }, 'p.price')}`;
  const hasAtMost = (rows: string): string =>
    `SELECT NOT EXISTS (${inRange} LIMIT 1 OFFSET (SELECT ${rows} FROM limits)) AS yes`;
  /** The rows after the cursor in sort order, inside and outside the range. */
  const inSortOrder = `
    SELECT p.id, p.price
    FROM products p
    WHERE ${[...category, ...afterCursor(listing, `p.${sort}`, bind)].join(' AND ')}
    ORDER BY ${inOrder(listing, `p.${sort}`)}`;

  return {
    text: `
      WITH limits AS MATERIALIZED (
        SELECT
          ceil(${factor} * ${equalCost})::bigint AS scan_budget,
          ceil(${factor} ^ 1.5 * ${equalCost})::bigint AS sort_scan_limit
        FROM pg_class WHERE oid = 'products'::regclass
      ), narrow AS MATERIALIZED (
        ${budget === 1 ? hasAtMost(NARROW_RANGE) : 'SELECT false AS yes'}
      ), scanned AS MATERIALIZED (
        SELECT p.id
        FROM (
          ${inSortOrder}
          LIMIT (SELECT CASE WHEN narrow.yes THEN 0 ELSE sort_scan_limit END FROM limits, narrow)
        ) p
        WHERE ${range}
        LIMIT $1::int
      ), complete AS MATERIALIZED (
        SELECT (SELECT yes FROM narrow) OR count(*) = $1::int OR NOT EXISTS (
          ${inSortOrder} LIMIT 1 OFFSET (SELECT sort_scan_limit FROM limits)
        ) AS yes
        FROM scanned
      ), sortable AS MATERIALIZED (
        SELECT narrow.yes OR (NOT complete.yes AND (${hasAtMost(SORTABLE_RANGE)})) AS yes
        FROM narrow, complete
      ), page AS (
        SELECT id FROM scanned WHERE NOT (SELECT yes FROM sortable)
        UNION ALL
        (
          SELECT p.id
          FROM (${inRange} LIMIT (SELECT ${SORTABLE_RANGE} FROM limits)) p
          WHERE ${['(SELECT yes FROM sortable)', ...afterCursor(listing, 'p.value', bind)].join(' AND ')}
          ORDER BY ${inOrder(uncategorised, 'p.value')}
          LIMIT $1::int
        )
      )
      ${aggregatePage(`
        SELECT found.id, found.${SORT_VALUE[sort]} AS value, row_to_json(found)::text AS json
        FROM (
          SELECT ${PRODUCT_COLUMNS}
          FROM page JOIN products p USING (id)
          ORDER BY ${inOrder(uncategorised, `p.${sort}`)}
        ) found`)}
      HAVING (SELECT yes FROM complete) OR (SELECT yes FROM sortable)`,
    values,
    prepared: false,
  };
}
