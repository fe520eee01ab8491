import { Injectable } from '@nestjs/common';

import { Database } from '../database/database.js';
import type { Cursor } from './cursor.js';
import type { Listing } from './listing.js';
import { type ListedPage, listingStatement, productStatement } from './listing-statement.js';

/** What a page has cost in vain is then a fraction of what it costs. */
const EFFORT_GROWTH = 4;

/** Reads the catalogue through the connections of the TypeORM data source. */
@Injectable()
export class ProductsRepository {
  constructor(private readonly database: Database) {}

  /** The products of a page as JSON, and the last of them when there is a next page. */
  async list(listing: Listing): Promise<{ products: string; last: Cursor | undefined }> {
    let page: ListedPage | undefined;
    for (let effort = 1; page === undefined; effort *= EFFORT_GROWTH) {
      [page] = await this.database.query<ListedPage>(listingStatement(listing, effort));
    }
    const { products, lastId: id, lastValue: value } = page;
    return { products, last: id === null || value === null ? undefined : { id, value } };
  }

  /** A product as JSON; undefined when there is none of this id. */
  async find(id: string): Promise<string | undefined> {
    const [found] = await this.database.query<{ json: string }>(productStatement(id));
    return found?.json;
  }
}
