import type { Statement } from '../database/statement.js';
import type { Listing } from './listing.js';
import {
  afterCursor,
  aggregatePage,
  inCategory,
  inOrder,
  inPriceRange,
  MAX_ROWS,
  PRODUCT_COLUMNS,
  SORT_VALUE,
  valuesOf,
} from './listing-sql.js';
import { comparePrices } from './price.js';
import { priceRangeStatement } from './price-range-statement.js';

/**
 * The statement that reads a page as a {@link PageRow}. It returns no row when the page needs a larger budget.
 *
 * @param budget multiplies the number of rows that the statement may read.
 */
export function listingStatement(listing: Listing, budget: number): Statement {
  const { sort, minPrice, maxPrice } = listing;
  return sort !== 'price' && (minPrice ?? maxPrice) !== undefined
    ? priceRangeStatement(listing, budget)
    : indexRangeStatement(withoutRedundancy(listing));
}

/** A page that is a range of one index. The row comparison with the cursor starts the scan at the cursor's row. */
function indexRangeStatement(listing: Listing): Statement {
  const { sort } = listing;
  const { bind, values } = valuesOf(listing);
  const conditions = [
    ...inCategory(listing, bind),
    ...inPriceRange(listing, bind),
    ...afterCursor(listing, `p.${sort}`, bind),
  ];
  return {
    text: aggregatePage(`
      SELECT page.id, page.${SORT_VALUE[sort]} AS value, row_to_json(page)::text AS json
      FROM (
        SELECT ${PRODUCT_COLUMNS}
        FROM products p
        WHERE ${conditions.join(' AND ')}
        ORDER BY ${inOrder(listing, `p.${sort}`)}
        LIMIT ${MAX_ROWS}
      ) page
      LIMIT $1::int`),
    values,
    prepared: true,
  };
}

/**
 * Sorted by price, the cursor and one of the price bounds both limit the start of the scan. Only the stricter one is
 * kept: with both, PostgreSQL may start at the weaker one and read all rows up to the other.
 */
function withoutRedundancy(listing: Listing): Listing {
  const { sort, order, cursor, minPrice, maxPrice } = listing;
  const bound = order === 'asc' ? minPrice : maxPrice;
  if (sort !== 'price' || cursor?.value === undefined || bound === undefined) {
    return listing;
  }
  const ahead = comparePrices(cursor.value, bound) * (order === 'asc' ? 1 : -1);
  const redundant = ahead < 0 ? 'cursor' : order === 'asc' ? 'minPrice' : 'maxPrice';
  return { ...listing, [redundant]: undefined };
}
