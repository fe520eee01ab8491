import {
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import type pg from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { DataSource, QueryFailedError, type QueryRunner } from 'typeorm';

import { Environment } from '../config/environment.js';
import { ConditionLog } from '../logging/condition-log.js';
import { Bulkhead, BulkheadFullError, BulkheadTimeoutError } from '../resilience/bulkhead.js';
import { Deadline } from '../resilience/deadline.js';
import { causeOf } from './connection-error.js';
import { poolOf } from './data-source.js';
import { publishDatabaseMetrics } from './database-metrics.js';
import { DatabaseOverloadedError } from './database-overloaded.error.js';
import { DatabaseStartup } from './database-startup.js';
import { DatabaseUnavailableError } from './database-unavailable.error.js';
import { PrimaryWatch } from './primary-watch.js';
import { Responsiveness } from './responsiveness.js';
import { isLostStatement, isQueryError, isReadOnlyError, isTimeout } from './sqlstate.js';
import { type Statement, statementName } from './statement.js';

/** Statements that may wait for a connection. The callers admit fewer. */
const MAX_WAITING = 5000;
/** Milliseconds for which a successful statement proves that PostgreSQL answers. */
const RECENT_MS = 1000;
/** Milliseconds that closing the connections may take. An unresponsive server closes none. */
const CLOSE_TIMEOUT_MS = 2000;

const PROBE: Statement = { text: 'SELECT 1', values: [], prepared: false };

/**
 * Runs statements on PostgreSQL through TypeORM's data source, within the limits of the pool and of each deadline. The
 * service starts without PostgreSQL: until {@link startupBlocker} is undefined, every statement fails.
 */
@Injectable()
export class Database implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(Database.name);
  private readonly stopped = new AbortController();
  private readonly startup: DatabaseStartup;
  private readonly connections: Bulkhead;
  private readonly primary = new PrimaryWatch(this.stopped.signal);
  private readonly outage = new ConditionLog(this.logger);
  private readonly responsiveness = new Responsiveness(() =>
    this.withRunner((runner) => this.execute(PROBE, runner)),
  );
  private readonly lostStatements = new ConditionLog(this.logger);
  private answeredAt = -Infinity;

  constructor(
    private readonly dataSource: DataSource,
    private readonly environment: Environment,
    registry: Registry,
  ) {
    this.startup = new DatabaseStartup(dataSource, environment.DATABASE_URL);
    this.connections = new Bulkhead(environment.DATABASE_POOL_MAX, MAX_WAITING);
    publishDatabaseMetrics(registry, {
      poolMax: environment.DATABASE_POOL_MAX,
      isUp: () => this.startupBlocker === undefined && this.isAnswering,
      pool: () => (dataSource.isInitialized ? poolOf(dataSource) : undefined),
      waitingCount: () => this.connections.waitingCount,
    });
  }

  /** Why startup is incomplete, as a sentence; permanently undefined once connected and migrated. */
  get startupBlocker(): string | undefined {
    return this.startup.blocker;
  }

  /** Whether PostgreSQL answered the last statement, be it with an error about the statement. */
  get isAnswering(): boolean {
    return !this.outage.active;
  }

  /** Whether PostgreSQL answers but refuses writes, because it is not the primary. */
  get isReadOnly(): boolean {
    return this.primary.isReadOnly;
  }

  /**
   * Checks that PostgreSQL answers. Does not wait for a connection when all are busy and a statement has just succeeded.
   *
   * @throws as {@link run}.
   */
  async ping(): Promise<void> {
    const answeredMs = performance.now() - this.answeredAt;
    if (!this.connections.isFull || answeredMs >= RECENT_MS) {
      await this.query(PROBE);
    }
  }

  /**
   * Runs a statement and returns its rows.
   *
   * @param deadline as for {@link run}.
   * @throws as {@link run}.
   */
  query<Row extends pg.QueryResultRow>(statement: Statement, deadline?: Deadline): Promise<Row[]> {
    return this.run((runner) => this.execute<Row>(statement, runner), deadline);
  }

  /**
   * Runs work that needs one connection: that of the query runner, which connects when it is first used, or that of a
   * `Repository` of the data source.
   *
   * @param deadline work that has no connection by then does not start. Default: `DATABASE_STATEMENT_TIMEOUT_MS` from now.
   * @throws DatabaseUnavailableError when PostgreSQL does not answer, is not migrated yet or refuses writes.
   * @throws DatabaseOverloadedError when too much other work is before it.
   * @throws pg.DatabaseError when the statement is wrong, or in conflict with another transaction.
   */
  async run<Result>(
    work: (runner: QueryRunner) => Promise<Result>,
    deadline = Deadline.in(this.environment.DATABASE_STATEMENT_TIMEOUT_MS),
  ): Promise<Result> {
    if (this.startupBlocker !== undefined) {
      throw new DatabaseUnavailableError(this.startupBlocker);
    }
    let startedAt = performance.now();
    try {
      await this.responsiveness.wait();
      const result = await this.connections.run(deadline, () => {
        startedAt = performance.now();
        return this.withRunner(work);
      });
      this.responsiveness.markResponsive();
      this.answeredAt = performance.now();
      this.outage.clear('PostgreSQL answers again.');
      return result;
    } catch (error) {
      throw this.explain(error instanceof QueryFailedError ? error.driverError : error, startedAt);
    }
  }

  onApplicationBootstrap(): void {
    void this.startup.run(this.stopped.signal);
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopped.abort();
    if (this.dataSource.isInitialized) {
      // Unlike `DataSource.destroy()`, the pool lets statements finish that are running.
      const closed = poolOf(this.dataSource).end();
      await Promise.race([closed, sleep(CLOSE_TIMEOUT_MS, undefined, { ref: false })]);
    }
  }

  private async withRunner<Result>(
    work: (runner: QueryRunner) => Promise<Result>,
  ): Promise<Result> {
    const runner = this.dataSource.createQueryRunner();
    try {
      return await work(runner);
    } finally {
      await runner.release();
    }
  }

  /** Sends a statement to the client of pg, because TypeORM's own `query` cannot name a statement. */
  private async execute<Row extends pg.QueryResultRow>(
    { text, values, prepared }: Statement,
    runner: QueryRunner,
  ): Promise<Row[]> {
    const client = (await runner.connect()) as pg.PoolClient;
    const unnamed = { text, values: [...values] };
    const isNamed = prepared && !this.lostStatements.active;
    try {
      const query = isNamed ? { name: statementName(text), ...unnamed } : unnamed;
      return (await client.query<Row>(query)).rows;
    } catch (error) {
      if (!isLostStatement(error)) {
        // A prepared statement can be the cause: after a change of its tables, it fails until it is prepared again.
        if (!isQueryError(error)) poolOf(this.dataSource).closeOnRelease(client);
        throw error;
      }
      this.lostStatements.warn('The pooler loses prepared statements. Continuing without them.');
      return (await client.query<Row>(unnamed)).rows;
    }
  }

  /** Updates what is known about PostgreSQL, and returns the error to throw. */
  private explain(cause: unknown, startedAt: number): unknown {
    const hasResponded = this.responsiveness.respondedSince(startedAt);
    if (
      cause instanceof BulkheadFullError ||
      (cause instanceof BulkheadTimeoutError && hasResponded)
    ) {
      return new DatabaseOverloadedError('The catalog has too many requests right now.', { cause });
    }
    if (cause instanceof BulkheadTimeoutError) {
      return new DatabaseUnavailableError('The catalog does not answer in time.', { cause });
    }
    // A timeout that passes after PostgreSQL has responded elsewhere says nothing about now.
    const isLate = isTimeout(cause) && hasResponded;
    if (!isTimeout(cause)) {
      this.responsiveness.markResponsive();
    } else if (!isLate) {
      this.responsiveness.markUnresponsive();
    }
    if (isQueryError(cause)) {
      return cause;
    }
    if (isReadOnlyError(cause)) {
      void this.primary.onRefusedWrite(poolOf(this.dataSource));
      return new DatabaseUnavailableError('The catalog accepts no changes right now.', { cause });
    }
    if (!isLate) {
      this.outage.warn(`PostgreSQL does not answer: ${causeOf(cause)}.`, 'outage');
    }
    return new DatabaseUnavailableError('The catalog does not answer.', { cause });
  }
}
