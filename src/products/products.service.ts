import { Injectable } from '@nestjs/common';

import { Problem } from '../problems/problem.js';
import { encodeCursor } from './cursor.js';
import { type Listing, listingPath, type RequestedListing } from './listing.js';
import { createPage, type Page } from './page.js';
import { PageCache, type ServedPage } from './page-cache.js';
import { ProductsRepository } from './products.repository.js';

/** The catalogue as households see it. */
@Injectable()
export class ProductsService {
  constructor(
    private readonly repository: ProductsRepository,
    private readonly cache: PageCache,
  ) {}

  /**
   * A page of the listing.
   *
   * @throws Problem `dependency-unavailable` when PostgreSQL does not answer and no older page is at hand.
   */
  list(listing: RequestedListing): ServedPage | Promise<ServedPage> {
    return this.cache.get(listing.path, () => this.readPage(listing));
  }

  /**
   * One product.
   *
   * @throws Problem `not-found` when there is none, `dependency-unavailable` as for {@link list}.
   */
  find(id: string): ServedPage | Promise<ServedPage> {
    return this.cache.get(`/api/products/${id}`, () => this.readProduct(id));
  }

  private async readPage(listing: Listing): Promise<Page> {
    const { sort, order } = listing;
    const { products, last } = await this.repository.list(listing);
    const next = last && encodeCursor(last, sort, order);
    return createPage(
      ['{"data":[', products, `],"nextCursor":${JSON.stringify(next ?? null)}}`],
      next && listingPath(listing, next),
    );
  }

  private async readProduct(id: string): Promise<Page> {
    const json = await this.repository.find(id);
    if (json === undefined) {
      throw new Problem('not-found', `There is no product with the id ${id}.`);
    }
    return createPage([json]);
  }
}
