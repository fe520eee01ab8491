import { Injectable } from '@nestjs/common';

import { Environment } from '../config/environment.js';
import { Database } from '../database/database.js';
import { Deadline } from '../http/deadline.js';
import { dependencyUnavailable } from '../problems/problem.js';
import type { Cursor } from './cursor.js';
import type { Listing } from './listing.js';
import { type ListedPage, listingStatement, productStatement } from './listing-statement.js';

/** By so much more is tried once a page has taken more than was. */
const EFFORT_GROWTH = 4;

/** Reads the catalogue through the connections of the TypeORM data source. */
@Injectable()
export class ProductsRepository {
  constructor(
    private readonly database: Database,
    private readonly environment: Environment,
  ) {}

  /**
   * The products of a page as JSON, and the last of them when there is a next page.
   *
   * @throws Problem `dependency-unavailable` as {@link Database.query}, whose time it takes in all.
   */
  async list(listing: Listing): Promise<{ products: string; last: Cursor | undefined }> {
    const deadline = Deadline.in(this.environment.DATABASE_STATEMENT_TIMEOUT_MS);
    let [page] = await this.database.query<ListedPage>(listingStatement(listing, 1));
    for (let effort = EFFORT_GROWTH; page === undefined; effort *= EFFORT_GROWTH) {
      [page] = await deadline.limit(
        this.database.query<ListedPage>(listingStatement(listing, effort)),
        () => dependencyUnavailable('The catalogue does not answer in time.'),
      );
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
