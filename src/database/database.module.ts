import { Global, Module } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { Environment } from '../config/environment.js';
import { createDataSource } from './data-source.js';
import { Database } from './database.js';

/** PostgreSQL: the data source and the {@link Database} that queries it. */
@Global()
@Module({
  providers: [
    Database,
    {
      provide: DataSource,
      inject: [Environment],
      useFactory: (environment: Environment) =>
        createDataSource(environment.DATABASE_URL, {
          poolMax: environment.DATABASE_POOL_MAX,
          statementTimeoutMs: environment.DATABASE_STATEMENT_TIMEOUT_MS,
        }),
    },
  ],
  exports: [Database],
})
export class DatabaseModule {}
