import { Injectable } from '@nestjs/common';
import { type ValidationError, validateSync } from 'class-validator';
import { LRUCache } from 'lru-cache';

import { decodeQuery, type QueryString } from '../http/query-string.js';
import { type ParameterFault, validationFailed } from '../problems/problem.js';
import { decodeCursor, encodeCursor } from './cursor.js';
import {
  DEFAULT_LIMIT,
  type Listing,
  listingPath,
  type Order,
  type RequestedListing,
  type Sort,
} from './listing.js';
import { ListingQuery } from './listing-query.js';
import { comparePrices, normalisePrice } from './price.js';

const PARAMETERS = [
  'limit',
  'sort',
  'order',
  'category',
  'minPrice',
  'maxPrice',
  'cursor',
] as const satisfies (keyof ListingQuery)[];

/** Characters of query strings that are remembered with what they mean. */
const REMEMBERED_CHARACTERS = 2 * 1024 * 1024;
/** What a listing costs besides its query string, in characters. */
const OVERHEAD = 250;

/**
 * Turns a query string into a listing, or into the problem that says what is wrong with it. Most clients ask for the
 * same: what a query string means is remembered, for to read it takes longer than all else about a cached page. It is
 * no pipe: Nest waits for those, at each request, even where there is nothing to wait for.
 */
@Injectable()
export class ListQueryParser {
  private readonly listings = new LRUCache<string, RequestedListing>({
    maxSize: REMEMBERED_CHARACTERS,
    sizeCalculation: (_, encoded) => encoded.length + OVERHEAD,
  });

  /** @throws Problem `validation-failed`, `invalid-cursor` or `malformed-request`. */
  read({ encoded }: QueryString): RequestedListing {
    let listing = this.listings.get(encoded);
    if (listing === undefined) {
      listing = readListing(encoded);
      this.listings.set(encoded, listing);
    }
    return listing;
  }
}

function readListing(encoded: string): RequestedListing {
  const query = Object.assign(new ListingQuery(), decodeQuery({ encoded }, PARAMETERS));
  const [first, ...others] = validateSync(query, { stopAtFirstError: true }).map(toFault);
  if (first !== undefined) {
    throw validationFailed(first, ...others);
  }
  const listing = toListing(query);
  const { cursor, sort, order } = listing;
  return { ...listing, path: listingPath(listing, cursor && encodeCursor(cursor, sort, order)) };
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
