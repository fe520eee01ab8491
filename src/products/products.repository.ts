import { Injectable } from '@nestjs/common';
import { Any, DataSource, type Repository } from 'typeorm';

import { Environment } from '../config/environment.js';
import { Database } from '../database/database.js';
import { isConflict } from '../database/sqlstate.js';
import { dependencyUnavailable, type Problem } from '../problems/problem.js';
import { Deadline } from '../resilience/deadline.js';
import type { Cursor } from './cursor.js';
import type { Listing } from './listing.js';
import { type PageRow, PRODUCT_COLUMNS } from './listing-sql.js';
import { listingStatement } from './listing-statement.js';
import { Product } from './product.entity.js';

const PRODUCT_JSON = `(SELECT row_to_json(product)::text FROM (SELECT ${PRODUCT_COLUMNS}) product)`;

/** Factor between the budgets of successive attempts to read a page. */
const BUDGET_GROWTH = 4;

/**
 * Reads products through TypeORM, within the limits of {@link Database}. Each product is JSON as the API gives it,
 * formatted by PostgreSQL: timestamps keep their microseconds, which a JavaScript `Date` does not hold.
 */
@Injectable()
export class ProductsRepository {
  private readonly products: Repository<Product>;

  constructor(
    dataSource: DataSource,
    private readonly database: Database,
    private readonly environment: Environment,
  ) {
    this.products = dataSource.getRepository(Product);
  }

  /**
   * The products of a page, separated by commas, and the last of them when there is a next page. The SQL is written
   * by hand: a query builder cannot bound the rows that a page reads, and PostgreSQL keeps the plan of a named statement.
   *
   * @param arrivedAt when the request arrived, in the time of `performance.now()`.
   * @throws Problem `dependency-unavailable` when PostgreSQL does not answer within `DATABASE_STATEMENT_TIMEOUT_MS` of
   * the arrival.
   */
  async list(
    listing: Listing,
    arrivedAt: number,
  ): Promise<{ products: string; last: Cursor | undefined }> {
    let page: PageRow | undefined;
    for (let budget = 1; page === undefined; budget *= BUDGET_GROWTH) {
      const statement = listingStatement(listing, budget);
      [page] = await this.read(arrivedAt, (deadline) =>
        this.database.query<PageRow>(statement, deadline),
      );
    }
    const { products, lastId: id, lastValue: value } = page;
    return { products, last: id === null || value === null ? undefined : { id, value } };
  }

  /**
   * A product; undefined when no product has this id.
   *
   * @throws Problem as {@link list}.
   */
  async find(id: string, arrivedAt: number): Promise<string | undefined> {
    const row = await this.read(arrivedAt, (deadline) =>
      this.database.run(
        (runner) =>
          this.products
            .createQueryBuilder('p', runner)
            .select(PRODUCT_JSON, 'json')
            .where({ id })
            .getRawOne<{ json: string }>(),
        deadline,
      ),
    );
    return row?.json;
  }

  /**
   * The skus of products by id, without the ids that no product has.
   *
   * @throws Problem as {@link list}.
   */
  async skus(ids: readonly string[], arrivedAt: number): Promise<ReadonlyMap<string, string>> {
    const rows = await this.read(arrivedAt, (deadline) =>
      this.database.run(
        () => this.products.find({ select: { id: true, sku: true }, where: { id: Any(ids) } }),
        deadline,
      ),
    );
    return new Map(rows.map(({ id, sku }) => [id, sku]));
  }

  private async read<Result>(
    arrivedAt: number,
    query: (deadline: Deadline) => Promise<Result>,
  ): Promise<Result> {
    const deadline = Deadline.after(arrivedAt, this.environment.DATABASE_STATEMENT_TIMEOUT_MS);
    const late = (): Problem => dependencyUnavailable('The catalog does not answer in time.');
    if (deadline.remaining === 0) {
      throw late();
    }
    try {
      return await deadline.limit(query(deadline), late);
    } catch (error) {
      throw isConflict(error)
        ? dependencyUnavailable('Another transaction locks the catalog.', { cause: error })
        : error;
    }
  }
}
