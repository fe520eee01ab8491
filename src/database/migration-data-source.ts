import {
  DataSource,
  type Migration,
  MigrationExecutor,
  type MigrationInterface,
  type QueryRunner,
} from 'typeorm';
import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Environment } from '../config/environment.js';
import { MIGRATIONS } from '../migrations.js';
import { dataSourceOptions, type EntityClass } from './data-source.js';

/** Other statements queue behind one that waits for a lock. So the migration fails after this time, and can run again. */
const LOCK_TIMEOUT_MS = 5000;
const LOCK = "hashtextextended('farmlokal migrations', 0)";
const LOCK_POLL_MS = 500;
/** Enough for building an index on a large table. */
const LOCK_WAIT_MS = 600_000;

type Options = Parameters<DataSource['runMigrations']>[0];

/** A migration command failed. The message is a sentence to print. */
export class MigrationError extends Error {
  override readonly name = MigrationError.name;
}

/**
 * The data source of the migration commands. The connection that runs the migrations takes an advisory lock, so that one
 * process at a time migrates a database. The lock ends with the connection. A transaction pooler may keep that
 * connection open, so the commands need a direct one.
 */
export class MigrationDataSource extends DataSource {
  override async runMigrations(options?: Options): Promise<Migration[]> {
    return await this.withLock(options, (executor) => executor.executePendingMigrations());
  }

  override async undoLastMigration(options?: Options): Promise<void> {
    await this.withLock(options, (executor) => executor.undoLastMigration());
  }

  private async withLock<Result>(
    { transaction = 'each', fake = false }: Options = {},
    work: (executor: MigrationExecutor) => Promise<Result>,
  ): Promise<Result> {
    const runner = this.createQueryRunner();
    try {
      await this.lock(runner);
      await runner.query(`SET lock_timeout = ${LOCK_TIMEOUT_MS}`);
      const executor = new MigrationExecutor(this, runner);
      executor.transaction = transaction;
      executor.fake = fake;
      return await work(executor);
    } finally {
      // A broken connection has already lost the lock.
      await runner
        .query(`SELECT pg_advisory_unlock(${LOCK}); RESET lock_timeout`)
        .catch(() => undefined);
      await runner.release();
    }
  }

  /** Polls, because CREATE INDEX CONCURRENTLY would wait for a statement that waits for the lock. */
  private async lock(runner: QueryRunner): Promise<void> {
    const deadline = performance.now() + LOCK_WAIT_MS;
    for (let announced = false; ; announced = true) {
      const [{ locked }] = (await runner.query(
        `SELECT pg_try_advisory_lock(${LOCK}) AS locked`,
      )) as [{ locked: boolean }];
      if (locked) {
        return;
      }
      if (performance.now() > deadline) {
        throw new MigrationError(
          `Another migration of this database did not finish within ${LOCK_WAIT_MS / 60_000} minutes.`,
        );
      }
      if (!announced) {
        this.logger.log(
          'info',
          'Another process is migrating this database. Waiting for it to finish.',
        );
      }
      await sleep(LOCK_POLL_MS);
    }
  }
}

/** @throws MigrationError when the migrations of this build differ from `src/migrations.ts`. */
export async function createMigrationDataSource(
  { DATABASE_URL, MIGRATION_DATABASE_URL = DATABASE_URL }: Environment,
  entities: EntityClass[] = [],
): Promise<MigrationDataSource> {
  return new MigrationDataSource({
    // No statement timeout, because building an index can take long.
    ...dataSourceOptions(MIGRATION_DATABASE_URL, { poolMax: 2 }),
    entities,
    migrations: await loadMigrations(new URL('../migrations/', import.meta.url)),
    migrationsTransactionMode: 'each',
    logging: ['schema', 'migration', 'info'],
    logger: 'simple-console',
  });
}

/** Lists the directory itself, because TypeORM would read special characters of its path as a glob pattern. */
async function loadMigrations(directory: URL): Promise<(new () => MigrationInterface)[]> {
  const entries = await readdir(directory).catch(() => []);
  const found = entries.flatMap((entry) => /^(\d+-.+)\.js$/.exec(entry)?.[1] ?? []);
  const missing = MIGRATIONS.filter((file) => !found.includes(file));
  if (missing.length > 0) {
    throw new MigrationError(
      `This build lacks the migrations ${missing.join(', ')}. Build it again: npm run build.`,
    );
  }
  const unlisted = found.filter((file) => !MIGRATIONS.includes(file));
  if (unlisted.length > 0) {
    throw new MigrationError(`src/migrations.ts does not list ${unlisted.join(', ')}.`);
  }
  const modules = await Promise.all(
    MIGRATIONS.map(
      (file) =>
        import(new URL(`${file}.js`, directory).href) as Promise<
          Record<string, new () => MigrationInterface>
        >,
    ),
  );
  return modules.flatMap((module) => Object.values(module));
}
