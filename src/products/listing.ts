import { type Cursor, encodeCursor } from './cursor.js';
import type { Order, Sort } from './sort.js';

export const DEFAULT_LIMIT = 20;
export const MAX_LIMIT = 100;

/** A valid, normalised request for a page: two spellings of one request are equal listings. */
export interface Listing {
  /** Maximum number of products on the page. */
  readonly limit: number;
  readonly sort: Sort;
  readonly order: Order;
  readonly category?: string | undefined;
  /** Inclusive; two decimal places. */
  readonly minPrice?: string | undefined;
  /** Inclusive; two decimal places. */
  readonly maxPrice?: string | undefined;
  /** The row after which the page begins. Undefined on the first page. */
  readonly cursor?: Cursor | undefined;
}

/** The relative reference of a page: parameters in a fixed order, without defaults. Equal listings have equal paths. */
export function listingPath(listing: Listing): string {
  const { limit, sort, order, category, minPrice, maxPrice, cursor } = listing;
  let path = `/api/products?limit=${limit}`;
  if (sort !== 'id') path += `&sort=${sort}`;
  if (order !== 'asc') path += `&order=${order}`;
  if (category !== undefined) path += `&category=${encodeURIComponent(category)}`;
  if (minPrice !== undefined) path += `&minPrice=${minPrice}`;
  if (maxPrice !== undefined) path += `&maxPrice=${maxPrice}`;
  if (cursor !== undefined) path += `&cursor=${encodeCursor(cursor, sort, order)}`;
  return path;
}
