import { Injectable, type PipeTransform } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { type ValidationError, validateSync } from 'class-validator';

import { decodeQuery, type QueryString } from '../http/query-string.js';
import { type ParameterFault, validationFailed } from '../problems/problem.js';
import { decodeCursor } from './cursor.js';
import { DEFAULT_LIMIT, type Listing, type Order, type Sort } from './listing.js';
import { ListingQuery } from './listing-query.js';
import { comparePrices, normalisePrice } from './product-values.js';

const PARAMETERS = [
  'limit',
  'sort',
  'order',
  'category',
  'minPrice',
  'maxPrice',
  'cursor',
] as const satisfies (keyof ListingQuery)[];

/** Turns a query string into a {@link Listing}, or into the problem that says what is wrong with it. */
@Injectable()
export class ListingPipe implements PipeTransform<QueryString, Listing> {
  transform(queryString: QueryString): Listing {
    const query = plainToInstance(ListingQuery, decodeQuery(queryString, PARAMETERS));
    const [first, ...others] = validateSync(query, { stopAtFirstError: true }).map(toFault);
    if (first !== undefined) {
      throw validationFailed(first, ...others);
    }
    return toListing(query);
  }
}

function toFault({ property, constraints = {} }: ValidationError): ParameterFault {
  return { parameter: property, message: Object.values(constraints)[0] ?? 'is not valid' };
}

/** The query's texts have passed their patterns: what is left is what they mean together. */
function toListing({ limit, category, cursor, ...query }: ListingQuery): Listing {
  const sort = (query.sort ?? 'id') as Sort;
  const order = (query.order ?? 'asc') as Order;
  const minPrice = query.minPrice === undefined ? undefined : normalisePrice(query.minPrice);
  const maxPrice = query.maxPrice === undefined ? undefined : normalisePrice(query.maxPrice);
  if (minPrice !== undefined && maxPrice !== undefined && comparePrices(minPrice, maxPrice) > 0) {
    throw validationFailed({ parameter: 'minPrice', message: 'must not be above maxPrice' });
  }
  return {
    limit: limit === undefined ? DEFAULT_LIMIT : Number(limit),
    sort,
    order,
    ...(category === undefined ? {} : { category }),
    ...(minPrice === undefined ? {} : { minPrice }),
    ...(maxPrice === undefined ? {} : { maxPrice }),
    ...(cursor === undefined ? {} : { cursor: decodeCursor(cursor, sort, order) }),
  };
}
