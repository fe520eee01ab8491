import { QueryFailedError } from 'typeorm';

import { type Environment, loadEnvironment } from '../config/environment.js';
import { InvalidEnvironmentError } from '../config/invalid-environment.error.js';
import { causeOf, serverName } from './connection-error.js';
import {
  createMigrationDataSource,
  type MigrationDataSource,
  MigrationError,
} from './migration-data-source.js';

const COMMANDS: Readonly<
  Partial<Record<string, (dataSource: MigrationDataSource) => Promise<unknown>>>
> = {
  run: (dataSource) => dataSource.runMigrations(),
  revert: (dataSource) => dataSource.undoLastMigration(),
  show: (dataSource) => dataSource.showMigrations(),
};

const LOCK_NOT_AVAILABLE = '55P03';

async function migrate(): Promise<void> {
  const [name = '', ...others] = process.argv.slice(2);
  const command = COMMANDS[name];
  if (command === undefined || others.length > 0) {
    throw new MigrationError(`Usage: migrate ${Object.keys(COMMANDS).join('|')}`);
  }
  const environment = loadEnvironment();
  const dataSource = await connect(environment);
  try {
    await command(dataSource);
  } catch (error) {
    throw explain(error);
  } finally {
    await dataSource.destroy();
  }
}

async function connect(environment: Environment): Promise<MigrationDataSource> {
  const dataSource = await createMigrationDataSource(environment);
  try {
    await dataSource.initialize();
    return dataSource;
  } catch (error) {
    const url = environment.MIGRATION_DATABASE_URL ?? environment.DATABASE_URL;
    throw new MigrationError(`Cannot connect to ${serverName(url)}: ${causeOf(error)}.`);
  }
}

function explain(error: unknown): MigrationError {
  if (error instanceof MigrationError) {
    return error;
  }
  const cause: unknown = error instanceof QueryFailedError ? error.driverError : error;
  const hint =
    (cause as { code?: unknown }).code === LOCK_NOT_AVAILABLE
      ? ' Another session has locked a table. This migration is not applied: run the command again.'
      : '';
  return new MigrationError(`The migrations failed: ${causeOf(cause)}.${hint}`);
}

try {
  await migrate();
} catch (error) {
  if (!(error instanceof MigrationError || error instanceof InvalidEnvironmentError)) {
    throw error;
  }
  console.error(error.message);
  process.exitCode = 1;
}
