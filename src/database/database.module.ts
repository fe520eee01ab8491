import { type DynamicModule, Module } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { Environment } from '../config/environment.js';
import { createDataSource, type EntityClass } from './data-source.js';
import { Database } from './database.js';

/** PostgreSQL: TypeORM's data source, and the {@link Database} that runs statements on it within their limits. */
@Module({})
export class DatabaseModule {
  /** @param entities the tables that `DataSource.getRepository()` gives access to. */
  static forRoot(entities: EntityClass[]): DynamicModule {
    return {
      module: DatabaseModule,
      global: true,
      providers: [
        Database,
        {
          provide: DataSource,
          inject: [Environment],
          useFactory: ({
            DATABASE_URL,
            DATABASE_POOL_MAX: poolMax,
            DATABASE_STATEMENT_TIMEOUT_MS: statementTimeoutMs,
          }: Environment) =>
            createDataSource(DATABASE_URL, { poolMax, statementTimeoutMs }, entities),
        },
      ],
      exports: [Database, DataSource],
    };
  }
}
