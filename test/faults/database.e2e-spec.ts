import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Registry } from 'prom-client';
import type { DataSource } from 'typeorm';

import type { Environment } from '../../src/config/environment.js';
import { createDataSource } from '../../src/database/data-source.js';
import { DatabaseUnavailableError } from '../../src/database/database-unavailable.error.js';
import { Database } from '../../src/database/database.js';
import { Product } from '../../src/products/product.entity.js';
import { createDatabase, type Database as TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { insertProducts } from '../support/products.js';

let server: TestDatabase;
let dataSource: DataSource;
let database: Database;
let stopped: Promise<void> | undefined;

function stop(): Promise<void> {
  return (stopped ??= database.onApplicationShutdown());
}

beforeAll(() => {
  Logger.overrideLogger(false);
});

beforeEach(async () => {
  stopped = undefined;
  server = await createDatabase();
  const limits = { poolMax: 1, statementTimeoutMs: 500 };
  dataSource = createDataSource(server.url, limits, [Product]);
  const environment = {
    DATABASE_URL: server.url,
    DATABASE_POOL_MAX: 1,
    DATABASE_STATEMENT_TIMEOUT_MS: 500,
  } as Environment;
  database = new Database(dataSource, environment, new Registry());
  database.onApplicationBootstrap();
  await eventually(() => Promise.resolve(database.startupBlocker === undefined || undefined));
});

afterEach(async () => {
  await stop();
  await server.drop();
});

describe(Database.name, () => {
  it('reads products through the repository of TypeORM', async () => {
    await insertProducts(server, [{}, { name: 'Okra' }]);
    const products = dataSource.getRepository(Product);
    const [product] = await database.run(() => products.find({ order: { id: 'DESC' }, take: 1 }));
    expect(product).toBeInstanceOf(Product);
    expect(product).toMatchObject({ name: 'Okra', price: '40.00', deletedAt: null });
  });

  it('holds a read through the repository to the limits of a statement', async () => {
    const products = dataSource.getRepository(Product);
    const slow = products.createQueryBuilder('product').where('pg_sleep(9) IS NOT NULL');
    await insertProducts(server, [{}]);
    await expect(database.run(() => slow.getMany())).rejects.toThrow(DatabaseUnavailableError);
    expect(database.isAnswering).toBe(false);
  });

  it('prepares a statement again after its table has changed', async () => {
    const statement = { text: 'SELECT * FROM products', values: [], prepared: true };
    await database.query(statement);
    await server.query('ALTER TABLE products ADD COLUMN harvest date');
    await expect(database.query(statement)).rejects.toThrow(DatabaseUnavailableError);
    await expect(database.query(statement)).resolves.toEqual([]);
  });

  it('lets a running statement finish before it closes the connections', async () => {
    const statement = { text: 'SELECT pg_sleep(0.3)', values: [], prepared: true };
    const query = database.query(statement);
    await eventually(async () => {
      const active = await server.query(
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'",
      );
      return active.length > 0 || undefined;
    });
    await stop();
    await expect(query).resolves.toHaveLength(1);
  });
});
