import {
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import pg from 'pg';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Gauge, Registry } from 'prom-client';
import { DataSource } from 'typeorm';

import { Environment } from '../config/environment.js';
import { Deadline } from '../resilience/deadline.js';
import { MIGRATIONS, migrationName } from '../migrations.js';
import { Bulkhead, BulkheadFullError, BulkheadTimeoutError } from '../resilience/bulkhead.js';
import { dependencyUnavailable, overloaded } from '../problems/problem.js';
import { loopClock } from '../resilience/loop-clock.js';
import { causeOf, serverName } from './connection-error.js';
import type { ConnectionPool } from './connection-pool.js';
import { isReadOnlyError, PrimaryWatch } from './primary-watch.js';
import { initializeDespiteRefusal } from './start-parameters.js';

/** A statement with its values apart from its text. */
export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
  /** Whether a connection keeps it prepared: for texts of which there are few. */
  readonly prepared: boolean;
}

/** Statements that may wait for a connection. Their callers accept fewer. */
const QUEUE = 5000;
/** How long an answered statement proves that PostgreSQL answers, milliseconds. */
const RECENT_MS = 1000;
/** While PostgreSQL is silent, how long a request waits to hear of it: a healthy one answers in milliseconds. */
const SILENT_PATIENCE_MS = 1000;
/** How long the connections may take to close at the end: a silent server closes none. */
const CLOSE_MS = 2000;
const RECONNECT_MIN_MS = 100;
const RECONNECT_MAX_MS = 5000;

/** SQLSTATEs of a pooler that gave this statement to a server connection which never prepared it. */
const STATEMENT_LOST = new Set(['26000', '42P05']);
/** SQLSTATEs that are about the statement (data, integrity, conflicts, syntax, locks), and two that are the deployment's. */
const OF_THE_STATEMENT = /^(22|23|40|42|55P03)/;
/** SQLSTATEs of another transaction that is in the way, or was: it passes. */
const CONFLICT = /^(40|55P03)/;
const INSUFFICIENT_PRIVILEGE = '42501';
const UNDEFINED_TABLE = '42P01';

/**
 * The connections to PostgreSQL. The service starts without it: connecting goes on in the background,
 * and until it has happened (and this build's migrations are applied) every query is a
 * `dependency-unavailable` problem.
 */
@Injectable()
export class Database implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(Database.name);
  private readonly stopped = new AbortController();
  private readonly primary = new PrimaryWatch(this.stopped.signal);
  private pool: ConnectionPool | undefined;
  private readonly names = new Map<string, string>();
  private prepares = true;
  private answering = true;
  private awaited: string | undefined = 'The catalogue is not connected yet.';
  /** Whether a statement has waited in vain, and nothing was heard of PostgreSQL since it began. */
  private silent = false;
  private heardAt = -Infinity;
  private answeredAt = -Infinity;
  private hearing: Promise<void> | undefined;
  private readonly connections: Bulkhead;

  constructor(
    private readonly dataSource: DataSource,
    private readonly environment: Environment,
    registry: Registry,
  ) {
    this.connections = new Bulkhead(environment.DATABASE_POOL_MAX, QUEUE);
    this.publish([registry]);
  }

  /** What a start still waits for; undefined once it was connected to a migrated database, and for good. */
  get obstacle(): string | undefined {
    return this.awaited;
  }

  /** Whether PostgreSQL answered the last statement, or said what is wrong with it. */
  get isAnswering(): boolean {
    return this.answering;
  }

  /** Whether PostgreSQL answers, but is not the primary: it refuses writes. */
  get isReadOnly(): boolean {
    return this.primary.lost;
  }

  /**
   * Whether PostgreSQL answers. Does not wait for a connection when all are busy and a statement has just been answered.
   *
   * @throws Problem as for {@link query}.
   */
  async ping(): Promise<void> {
    const answeredMs = performance.now() - this.answeredAt;
    if (!this.connections.isFull || answeredMs >= RECENT_MS) {
      await this.query({ text: 'SELECT 1', values: [], prepared: false });
    }
  }

  /**
   * Runs one statement on a pooled connection.
   *
   * @param deadline a statement that has no connection by then is not run; `DATABASE_STATEMENT_TIMEOUT_MS` from now
   * when omitted.
   * @throws Problem `dependency-unavailable` when PostgreSQL cannot answer within the deadlines, `overloaded` when too
   * many statements wait.
   * @throws pg.DatabaseError when the statement itself is at fault, or another transaction is in its way.
   */
  async query<Row extends pg.QueryResultRow>(
    statement: Statement,
    deadline = Deadline.in(this.environment.DATABASE_STATEMENT_TIMEOUT_MS),
  ): Promise<Row[]> {
    const { pool } = this;
    if (pool === undefined) {
      throw dependencyUnavailable(this.awaited ?? '');
    }
    let began = performance.now();
    try {
      if (this.silent) {
        await this.hearAgain(pool);
      }
      const rows = await this.connections.run(deadline, () => {
        began = performance.now();
        return this.run<Row>(pool, statement);
      });
      this.hear();
      this.answeredAt = performance.now();
      if (!this.answering) {
        this.answering = true;
        this.logger.log('PostgreSQL answers again.');
      }
      return rows;
    } catch (error) {
      if (error instanceof BulkheadFullError) {
        throw overloaded('The catalogue has too many requests right now.');
      }
      if (error instanceof BulkheadTimeoutError) {
        throw dependencyUnavailable('The catalogue does not answer in time.', { cause: error });
      }
      if (!isSilence(error)) {
        this.hear();
      } else if (this.heardAt < began) {
        this.silent = true;
      }
      if (isOfTheStatement(error)) {
        throw error;
      }
      if (isReadOnlyError(error)) {
        void this.primary.onRefusedWrite(pool);
        throw dependencyUnavailable('The catalogue takes no changes right now.', { cause: error });
      }
      // Once for each time that it goes away, not for each query that misses it.
      if (this.answering) {
        this.answering = false;
        this.logger.warn(`PostgreSQL does not answer: ${causeOf(error)}.`);
      }
      throw dependencyUnavailable('The catalogue does not answer.', { cause: error });
    }
  }

  onApplicationBootstrap(): void {
    void this.connect();
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopped.abort();
    if (this.dataSource.isInitialized) {
      // A connection that is just being opened to a silent server holds up the pool for as long as that may take.
      await Promise.race([this.dataSource.destroy(), sleep(CLOSE_MS, undefined, { ref: false })]);
    }
  }

  private hear(): void {
    this.heardAt = performance.now();
    this.silent = false;
  }

  /**
   * One statement at a time finds out whether PostgreSQL is heard again, and takes all the time that any may: a
   * suspended database has to wake. Nobody else begins to wait for so long.
   */
  private async hearAgain(pool: pg.Pool): Promise<void> {
    this.hearing ??= pool
      .query({ text: 'SELECT 1' })
      .then(() => {
        this.hear();
      })
      .finally(() => {
        this.hearing = undefined;
      });
    await loopClock.limit(this.hearing, SILENT_PATIENCE_MS, () => new Error('timeout'));
  }

  private async run<Row extends pg.QueryResultRow>(
    pool: pg.Pool,
    { text, values, prepared }: Statement,
  ): Promise<Row[]> {
    const unnamed = { text, values: [...values] };
    try {
      const query = prepared && this.prepares ? { name: this.nameOf(text), ...unnamed } : unnamed;
      return (await pool.query<Row>(query)).rows;
    } catch (error) {
      if (!(error instanceof pg.DatabaseError && STATEMENT_LOST.has(error.code ?? ''))) {
        throw error;
      }
      if (this.prepares) {
        this.prepares = false;
        this.logger.warn('The pooler loses prepared statements; going on without them.');
      }
      return (await pool.query<Row>(unnamed)).rows;
    }
  }

  private publish(registers: Registry[]): void {
    const up = new Gauge({
      name: 'farmlokal_database_up',
      help: 'Whether PostgreSQL has answered when it was last asked.',
      registers,
      collect: () => {
        up.set(this.pool !== undefined && this.answering ? 1 : 0);
      },
    });
    const connections = new Gauge({
      name: 'farmlokal_database_pool_connections',
      help: 'Connections to PostgreSQL that are busy and idle, and queries that wait for one.',
      labelNames: ['state'],
      registers,
      collect: () => {
        const { totalCount = 0, idleCount = 0 } = this.pool ?? {};
        connections.set({ state: 'busy' }, totalCount - idleCount);
        connections.set({ state: 'idle' }, idleCount);
        connections.set({ state: 'waiting' }, this.connections.waitingCount);
      },
    });
    new Gauge({
      name: 'farmlokal_database_pool_max',
      help: 'Connections to PostgreSQL that this process opens at most.',
      registers,
    }).set(this.environment.DATABASE_POOL_MAX);
  }

  /** Made of the text, so that no two builds behind one pooler mean different statements by one name. */
  private nameOf(text: string): string {
    let name = this.names.get(text);
    if (name === undefined) {
      name = createHash('sha256').update(text).digest('base64url');
      this.names.set(text, name);
    }
    return name;
  }

  private async connect(): Promise<void> {
    for (let delay = RECONNECT_MIN_MS; !this.stopped.signal.aborted; delay *= 2) {
      try {
        if (!this.dataSource.isInitialized) {
          await this.initialize();
        }
        const pool = (this.dataSource.driver as unknown as { master: ConnectionPool }).master;
        const pending = await this.pendingMigrations(pool);
        if (pending.length === 0) {
          this.pool = pool;
          this.awaited = undefined;
          this.logger.log('PostgreSQL is connected.');
          return;
        }
        this.awaited = 'The catalogue is not migrated yet.';
        this.logger.warn(`Waiting for migrations: ${pending.join(', ')} (npm run migration:run).`);
      } catch (error) {
        this.logger.warn(
          `Waiting for ${serverName(this.environment.DATABASE_URL)}: ${causeOf(error)}.`,
        );
      }
      const pause = Math.min(delay, RECONNECT_MAX_MS);
      await sleep(pause, undefined, { signal: this.stopped.signal }).catch(() => undefined);
    }
  }

  private async initialize(): Promise<void> {
    const refusal = await initializeDespiteRefusal(this.dataSource);
    if (refusal !== undefined) {
      this.logger.warn(
        `The server refuses statement_timeout as a start parameter: ${causeOf(refusal)}. Continuing without it. Set it on the role: ALTER ROLE … SET statement_timeout.`,
      );
    }
  }

  private async pendingMigrations(pool: pg.Pool): Promise<string[]> {
    const { rows } = await pool
      .query<{ name: string }>('SELECT name FROM migrations')
      .catch((error: unknown) => {
        if (error instanceof pg.DatabaseError && error.code === UNDEFINED_TABLE) {
          return { rows: [] };
        }
        throw error;
      });
    const applied = new Set(rows.map(({ name }) => name));
    return MIGRATIONS.map(migrationName).filter((name) => !applied.has(name));
  }
}

/** Whether a statement has failed only because another transaction was in its way. */
export function isConflict(error: unknown): boolean {
  return error instanceof pg.DatabaseError && CONFLICT.test(error.code ?? '');
}

function isOfTheStatement(error: unknown): boolean {
  const code = error instanceof pg.DatabaseError ? (error.code ?? '') : '';
  return OF_THE_STATEMENT.test(code) && code !== INSUFFICIENT_PRIVILEGE && code !== UNDEFINED_TABLE;
}

/** Whether a deadline of ours has passed without a word; the server's own word about one is a DatabaseError. */
function isSilence(error: unknown): boolean {
  return (
    error instanceof Error && !(error instanceof pg.DatabaseError) && /timeout/i.test(error.message)
  );
}
