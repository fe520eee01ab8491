import { DataSource, type DataSourceOptions } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js';

import { postgresConnection } from './connection.js';
import { ConnectionPool } from './connection-pool.js';

/**
 * Milliseconds until an idle connection is closed. Idle connections stay open for minutes, because under load a new one
 * takes some tenths of a second to log in and to prepare its statements.
 */
const IDLE_TIMEOUT_MS = 600_000;

/** Seconds until a connection is replaced: after a failover or a DNS change, it may still lead to the old server. */
const MAX_LIFETIME_S = 1800;

/** A class that TypeORM maps to a table. */
export type EntityClass = new () => object;

export interface DataSourceLimits {
  /** Maximum number of connections. */
  readonly poolMax: number;
  /** Milliseconds that a statement may run. Default: no limit. */
  readonly statementTimeoutMs?: number;
}

/**
 * The pool options that limit a statement: the server cancels it. If the server does not respond, the client closes the
 * connection a little later.
 */
function statementLimits(milliseconds: number): object {
  return { statement_timeout: milliseconds, responseTimeoutMillis: milliseconds + 250 };
}

/** The options of TypeORM that the service and the migration commands share. */
export function dataSourceOptions(url: string, limits: DataSourceLimits) {
  return {
    type: 'postgres',
    // TypeORM would load pg by its name, which fails in a bundle. TypeORM uses only the pool.
    driver: { Pool: ConnectionPool },
    poolSize: limits.poolMax,
    extra: {
      ...postgresConnection(url),
      idleTimeoutMillis: IDLE_TIMEOUT_MS,
      maxLifetimeSeconds: MAX_LIFETIME_S,
      ...(limits.statementTimeoutMs === undefined
        ? {}
        : statementLimits(limits.statementTimeoutMs)),
    },
    installExtensions: false,
    logging: false,
    // A broken idle connection is replaced. A statement that gets no connection reports it.
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
