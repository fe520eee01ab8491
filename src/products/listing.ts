import type { Cursor } from './cursor.js';

/** What a listing can be sorted by: the names of the API, which are the table's columns too. */
export const SORTS = ['id', 'price', 'name', 'created_at'] as const;
export type Sort = (typeof SORTS)[number];

export const ORDERS = ['asc', 'desc'] as const;
export type Order = (typeof ORDERS)[number];

export const DEFAULT_LIMIT = 20;
export const MAX_LIMIT = 100;

/** A validated, normalised request for a page: two spellings of one request make equal listings. */
export interface Listing {
  readonly limit: number;
  readonly sort: Sort;
  readonly order: Order;
  readonly category?: string;
  /** A decimal with two places. */
  readonly minPrice?: string;
  /** A decimal with two places. */
  readonly maxPrice?: string;
  /** The row after which the page begins; without it, the first page. */
  readonly cursor?: Cursor;
}

/** A listing that a client has asked for, with what tells it from others: {@link listingPath}, made once. */
export interface RequestedListing extends Listing {
  readonly path: string;
}

/**
 * The listing as a relative reference, parameters in a fixed order and defaults left out: the link to
 * a page, and what tells one listing from another.
 */
export function listingPath(
  { limit, sort, order, category, minPrice, maxPrice }: Listing,
  cursor: string | undefined,
): string {
  const query = new URLSearchParams({ limit: String(limit) });
  if (sort !== 'id') query.set('sort', sort);
  if (order !== 'asc') query.set('order', order);
  if (category !== undefined) query.set('category', category);
  if (minPrice !== undefined) query.set('minPrice', minPrice);
  if (maxPrice !== undefined) query.set('maxPrice', maxPrice);
  if (cursor !== undefined) query.set('cursor', cursor);
  return `/api/products?${query.toString()}`;
}
