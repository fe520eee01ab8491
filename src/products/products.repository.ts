import { Injectable } from '@nestjs/common';
import type { QueryResultRow } from 'pg';

import { Environment } from '../config/environment.js';
import { Database } from '../database/database.js';
import { isConflict } from '../database/sqlstate.js';
import type { Statement } from '../database/statement.js';
import { Deadline } from '../resilience/deadline.js';
import { dependencyUnavailable, type Problem } from '../problems/problem.js';
import type { Cursor } from './cursor.js';
import type { Listing } from './listing.js';
import {
  type PageRow,
  listingStatement,
  productStatement,
  skusStatement,
} from './listing-statement.js';

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
   * @param arrivedAt when the request arrived, in the time of `performance.now()`.
   * @throws Problem `dependency-unavailable` when PostgreSQL does not give them within `DATABASE_STATEMENT_TIMEOUT_MS` of
   * the arrival.
   */
  async list(
    listing: Listing,
    arrivedAt: number,
  ): Promise<{ products: string; last: Cursor | undefined }> {
    const deadline = this.deadline(arrivedAt);
    let page: PageRow | undefined;
    for (let effort = 1; page === undefined; effort *= EFFORT_GROWTH) {
      [page] = await this.read<PageRow>(listingStatement(listing, effort), deadline);
    }
    const { products, lastId: id, lastValue: value } = page;
    return { products, last: id === null || value === null ? undefined : { id, value } };
  }

  /**
   * A product as JSON; undefined when there is none of this id.
   *
   * @throws Problem as {@link list}.
   */
  async find(id: string, arrivedAt: number): Promise<string | undefined> {
    const [row] = await this.read<{ json: string }>(productStatement(id), this.deadline(arrivedAt));
    return row?.json;
  }

  /**
   * The skus of products by id; ids of which there is no product are left out.
   *
   * @throws Problem as {@link list}.
   */
  async skus(ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const rows = await this.read<{ id: string; sku: string }>(
      skusStatement(ids),
      this.deadline(performance.now()),
    );
    return new Map(rows.map(({ id, sku }) => [id, sku]));
  }

  private deadline(arrivedAt: number): Deadline {
    return Deadline.after(arrivedAt, this.environment.DATABASE_STATEMENT_TIMEOUT_MS);
  }

  private async read<Row extends QueryResultRow>(
    statement: Statement,
    deadline: Deadline,
  ): Promise<Row[]> {
    const late = (): Problem => dependencyUnavailable('The catalogue does not answer in time.');
    if (deadline.remaining === 0) {
      throw late();
    }
    try {
      return await deadline.limit(this.database.query<Row>(statement, deadline), late);
    } catch (error) {
      throw isConflict(error)
        ? dependencyUnavailable('Another transaction holds the catalogue.', { cause: error })
        : error;
    }
  }
}
