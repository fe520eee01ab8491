import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { ManagedProcess } from '../../dev/managed-process.js';
import { clearPostgresVariables, PostgresServer } from '../../dev/postgres-server.js';
import { findRedis, installRedis } from '../../dev/redis-server.js';
import { makeTemporaryDirectory } from '../../dev/temporary-directory.js';
import { copyOfTemplate, TEMPLATE_DATABASE } from './postgres-server.js';

/**
 * Starts what the specs of a run share: a temporary directory, a migrated PostgreSQL cluster to copy, and a PostgreSQL
 * server on the first copy. Specs find them through environment variables. If the run is killed, all of it ends too.
 *
 * @returns a function that stops and removes everything.
 */
export async function startTestRun(): Promise<() => Promise<void>> {
  if (!existsSync('dist/main.js')) throw new Error('There is no build: run npm run build first');
  clearPostgresVariables();
  const directory = await makeTemporaryDirectory();
  process.env.TEST_DIRECTORY = directory.path;

  const announce = (line: string) => process.stdout.write(`${line}\n`);
  if (!(findRedis() ?? (await installRedis(join(directory.path, 'apt.log'), announce)))) {
    throw new Error(
      'The tests need redis-server or valkey-server on the PATH: install one of them',
    );
  }

  await makeTemplate(directory.path);
  const postgres = await PostgresServer.start(copyOfTemplate());
  process.env.TEST_POSTGRES_URL = postgres.url('postgres');

  return async () => {
    await postgres.stop();
    await directory.remove();
  };
}

async function makeTemplate(directory: string): Promise<void> {
  const log = join(directory, 'template.log');
  const server = await PostgresServer.start({
    directory: join(directory, 'template'),
    binaries: directory,
    log,
    disposable: true,
  });
  await server.query('postgres', `CREATE DATABASE ${TEMPLATE_DATABASE}`);
  const migration = await ManagedProcess.start({
    command: process.execPath,
    args: [
      'node_modules/typeorm/cli.js',
      'migration:run',
      '--dataSource',
      'dist/database/cli.data-source.js',
    ],
    env: { PATH: process.env.PATH, DATABASE_URL: server.url(TEMPLATE_DATABASE) },
    log: join(directory, 'migration.log'),
  });
  const code = await migration.finished();
  if (code !== 0) {
    const output = readFileSync(join(directory, 'migration.log'), 'utf8');
    throw new Error(`The migrations failed:\n${output}`);
  }
  // The stop is a crash: after a checkpoint the copies recover quickly.
  await server.query('postgres', 'CHECKPOINT');
  await server.stop();
}
