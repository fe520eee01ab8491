import { Injectable } from '@nestjs/common';

import { Problem } from '../problems/problem.js';
import { encodeCursor } from './cursor.js';
import { type Listing, listingPath, type RequestedListing } from './listing.js';
import { createCachedResponse, type CachedResponse } from '../response-cache/cached-response.js';
import { ResponseCache, type CacheResult } from '../response-cache/response-cache.js';
import { ProductsRepository } from './products.repository.js';

/** The catalogue as households see it. */
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
   * @throws Problem `dependency-unavailable` when PostgreSQL does not answer and no older page is at hand, `overloaded`
   * when it has too many requests.
   */
  list(listing: RequestedListing, arrivedAt: number): CacheResult | Promise<CacheResult> {
    return this.cache.get(listing.path, () => this.readPage(listing, arrivedAt));
  }

  /**
   * One product.
   *
   * @throws Problem `not-found` when there is none, others as for {@link list}.
   */
  find(id: string, arrivedAt: number): CacheResult | Promise<CacheResult> {
    return this.cache.get(`/api/products/${id}`, () => this.readProduct(id, arrivedAt));
  }

  private async readPage(listing: Listing, arrivedAt: number): Promise<CachedResponse> {
    const { sort, order } = listing;
    const { products, last } = await this.repository.list(listing, arrivedAt);
    const next = last && encodeCursor(last, sort, order);
    return createCachedResponse(
      ['{"data":[', products, `],"nextCursor":${JSON.stringify(next ?? null)}}`],
      next && listingPath(listing, next),
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
