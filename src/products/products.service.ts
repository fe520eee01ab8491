import { Injectable } from '@nestjs/common';

import { Problem } from '../problems/problem.js';
import { type CachedResponse, createCachedResponse } from '../response-cache/cached-response.js';
import type { CacheResult } from '../response-cache/cache-result.js';
import { ResponseCache } from '../response-cache/response-cache.js';
import { encodeCursor } from './cursor.js';
import { type Listing, listingPath } from './listing.js';
import { ProductsRepository } from './products.repository.js';

/** Products as JSON responses, from the cache where possible. */
@Injectable()
export class ProductsService {
  constructor(
    private readonly repository: ProductsRepository,
    private readonly cache: ResponseCache,
  ) {}

  /**
   * A page of the listing.
   *
   * @param arrivedAt when the request arrived, in the time of `performance.now()`.
   * @throws Problem `dependency-unavailable` when PostgreSQL does not answer and no older response is cached.
   * @throws Problem `overloaded` when too many reads wait and no older response is cached.
   */
  list(listing: Listing, arrivedAt: number): CacheResult | Promise<CacheResult> {
    return this.cache.get(listingPath(listing), () => this.readPage(listing, arrivedAt));
  }

  /**
   * One product.
   *
   * @throws Problem `not-found` when no product has this id; others as {@link list}.
   */
  find(id: string, arrivedAt: number): CacheResult | Promise<CacheResult> {
    return this.cache.get(`/api/products/${id}`, () => this.readProduct(id, arrivedAt));
  }

  private async readPage(listing: Listing, arrivedAt: number): Promise<CachedResponse> {
    const { products, last } = await this.repository.list(listing, arrivedAt);
    const nextCursor = last === undefined ? null : encodeCursor(last, listing.sort, listing.order);
    return createCachedResponse(
      ['{"data":[', products, `],"nextCursor":${JSON.stringify(nextCursor)}}`],
      last && listingPath({ ...listing, cursor: last }),
    );
  }

  private async readProduct(id: string, arrivedAt: number): Promise<CachedResponse> {
    const json = await this.repository.find(id, arrivedAt);
    if (json === undefined) {
      throw new Problem('not-found', `There is no product with the id ${id}.`);
    }
    return createCachedResponse([json]);
  }
}
