import { Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DataSource, QueryFailedError } from 'typeorm';

import { ConditionLog } from '../logging/condition-log.js';
import { MIGRATIONS, migrationName } from '../migrations.js';
import { exponentialBackoff } from '../resilience/exponential-backoff.js';
import { causeOf, serverName } from './connection-error.js';
import { isUndefinedTable } from './sqlstate.js';
import { initializeDespiteRefusal } from './start-parameters.js';

const RETRY = { minMs: 100, maxMs: 5000 };

/** Connects to PostgreSQL in the background, and waits until the migrations of this build are applied. */
export class DatabaseStartup {
  private readonly logger = new Logger('Database');
  private readonly waiting = new ConditionLog(this.logger);
  private reason: string | undefined = 'The catalog is not connected yet.';

  constructor(
    private readonly dataSource: DataSource,
    private readonly url: string,
  ) {}

  /** Why startup is incomplete, as a sentence; permanently undefined once connected and migrated. */
  get blocker(): string | undefined {
    return this.reason;
  }

  /** Retries until startup is complete or the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        if (await this.attempt()) {
          this.reason = undefined;
          this.logger.log('PostgreSQL is connected.');
          return;
        }
      } catch (error) {
        this.waiting.warn(`Waiting for ${serverName(this.url)}: ${causeOf(error)}.`);
      }
      await sleep(exponentialBackoff(attempt, RETRY), undefined, { signal }).catch(() => undefined);
    }
  }

  private async attempt(): Promise<boolean> {
    if (!this.dataSource.isInitialized) {
      await this.initialize();
    }
    const pending = await this.pendingMigrations();
    if (pending.length > 0) {
      this.reason = 'The catalog is not migrated yet.';
      this.waiting.warn(`Waiting for migrations: ${pending.join(', ')} (npm run migration:run).`);
    }
    return pending.length === 0;
  }

  private async initialize(): Promise<void> {
    const refusal = await initializeDespiteRefusal(this.dataSource);
    if (refusal !== undefined) {
      this.logger.warn(
        `The server refuses statement_timeout as a start parameter: ${causeOf(refusal)}. Continuing without it. Set it on the role: ALTER ROLE … SET statement_timeout.`,
      );
    }
  }

  private async pendingMigrations(): Promise<string[]> {
    const rows = await this.dataSource
      .query<{ name: string }[]>('SELECT name FROM migrations')
      .catch((error: unknown) => {
        const cause: unknown = error instanceof QueryFailedError ? error.driverError : error;
        if (isUndefinedTable(cause)) {
          return [];
        }
        throw cause;
      });
    const applied = new Set(rows.map(({ name }) => name));
    return MIGRATIONS.map(migrationName).filter((name) => !applied.has(name));
  }
}
