import type { QueryString } from '../http/query-string.js';
import { validationFailed } from '../problems/problem.js';
import { CURSOR_MAX_LENGTH, decodeCursor } from './cursor.js';
import { DEFAULT_LIMIT, type Listing, MAX_LIMIT } from './listing.js';
import { comparePrices, normalisePrice } from './price.js';
import { CATEGORY_MAX_LENGTH, MAX_PRICE, PRICE_BOUND_PATTERN } from './product-rules.js';
import { integer, oneOf, type Parameter, parseParameters, textUpTo } from './query-parameters.js';
import { ORDERS, SORTS } from './sort.js';

const PRICE_BOUND: Parameter<string> = {
  parse: (bound) => (PRICE_BOUND_PATTERN.test(bound) ? normalisePrice(bound) : undefined),
  rule: `must be a decimal from 0 to ${MAX_PRICE} with at most two places`,
};

const PARAMETERS = {
  limit: integer(1, MAX_LIMIT),
  sort: oneOf(SORTS),
  order: oneOf(ORDERS),
  category: textUpTo(CATEGORY_MAX_LENGTH),
  minPrice: PRICE_BOUND,
  maxPrice: PRICE_BOUND,
  cursor: textUpTo(CURSOR_MAX_LENGTH),
};

/**
 * Parses the query string of the product listing.
 *
 * @throws Problem `validation-failed`, `invalid-cursor` or `malformed-request`.
 */
export function parseListQuery(queryString: QueryString): Listing {
  const {
    limit = DEFAULT_LIMIT,
    sort = 'id',
    order = 'asc',
    cursor,
    ...filter
  } = parseParameters(queryString, PARAMETERS);
  const { minPrice, maxPrice } = filter;
  if (minPrice !== undefined && maxPrice !== undefined && comparePrices(minPrice, maxPrice) > 0) {
    throw validationFailed({ parameter: 'minPrice', message: 'must not be above maxPrice' });
  }
  return {
    limit,
    sort,
    order,
    ...filter,
    cursor: cursor === undefined ? undefined : decodeCursor(cursor, sort, order),
  };
}
