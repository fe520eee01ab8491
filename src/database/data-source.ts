import { DataSource, type DataSourceOptions } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js';

import { postgresConnection } from './connection.js';
import { ConnectionPool } from './connection-pool.js';

/**
 * How long a connection is kept while nobody needs it, milliseconds. A new one has to log in and to prepare its
 * statements again, and whoever it was opened for waits, for some tenths of a second under load. A load that comes back
 * within minutes is to find the connections that it had.
 */
const IDLE_CONNECTION_MS = 600_000;

/**
 * How long a connection lives at most, seconds. After a failover, or a change in DNS, it would else stay with its old
 * server for as long as that one runs.
 */
const CONNECTION_LIFE_S = 1800;

/** A class that TypeORM maps to a table. */
export type EntityClass = new () => object;

/** What a process asks of its connections. */
export interface DataSourceLimits {
  /** Connections opened at most. */
  readonly poolMax: number;
  /** Milliseconds a statement may run; without it, as long as it takes. */
  readonly statementTimeoutMs?: number;
}

/**
 * The pool options that bound a statement: the server ends it, and where the server stays silent the client gives it
 * up, a little later so that the server speaks first.
 */
function statementDeadline(milliseconds: number): object {
  return { statement_timeout: milliseconds, silenceTimeoutMillis: milliseconds + 250 };
}

/** The TypeORM options that the service and the migration commands share. */
export function dataSourceOptions(url: string, limits: DataSourceLimits) {
  return {
    type: 'postgres',
    // All that TypeORM wants of pg, which it would else look for beside the bundle.
    driver: { Pool: ConnectionPool },
    poolSize: limits.poolMax,
    extra: {
      ...postgresConnection(url),
      idleTimeoutMillis: IDLE_CONNECTION_MS,
      maxLifetimeSeconds: CONNECTION_LIFE_S,
      ...(limits.statementTimeoutMs === undefined
        ? {}
        : statementDeadline(limits.statementTimeoutMs)),
    },
    installExtensions: false,
    logging: false,
    // A connection that breaks while nobody uses it is replaced; whoever needs one and gets none says so.
    poolErrorHandler: () => undefined,
  } satisfies DataSourceOptions;
}

/** The data source of the service. It connects when `initialize()` is called. */
export function createDataSource(
  url: string,
  limits: DataSourceLimits,
  entities: EntityClass[] = [],
): DataSource {
  return new DataSource({ ...dataSourceOptions(url, limits), entities });
}

/** The pool of a data source that is initialized. */
export function poolOf({ driver }: DataSource): ConnectionPool {
  return (driver as PostgresDriver).master as ConnectionPool;
}
