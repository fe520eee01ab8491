import { Injectable } from '@nestjs/common';

import { Database } from '../database/database.js';
import type { Listing } from './listing.js';
import { type ListingRow, listingStatement, productStatement } from './listing-statement.js';

/** Reads the catalogue through the connections of the TypeORM data source. */
@Injectable()
export class ProductsRepository {
  constructor(private readonly database: Database) {}

  /** The rows of a page, and one more when there is a next page. */
  async list(listing: Listing): Promise<ListingRow[]> {
    return this.database.query<ListingRow>(listingStatement(listing));
  }

  /** A product as JSON; undefined when there is none of this id. */
  async find(id: string): Promise<string | undefined> {
    const [found] = await this.database.query<{ json: string }>(productStatement(id));
    return found?.json;
  }
}
