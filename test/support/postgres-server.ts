import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';

import { type PostgresOptions, PostgresServer } from '../../dev/postgres-server.js';
import { testDirectory } from './test-directory.js';

/** The migrated database in every cluster of a run. */
export const TEMPLATE_DATABASE = 'farmlokal_template';

/** Starts a PostgreSQL of the spec's own, to be killed and frozen; `createDatabase(it)` gives a database. */
export async function startPostgres(): Promise<PostgresServer> {
  return await PostgresServer.start(copyOfTemplate());
}

/** Copies the migrated cluster. */
export function copyOfTemplate(): PostgresOptions {
  const run = testDirectory();
  const directory = join(run, `postgres-${randomUUID()}`);
  execFileSync('cp', ['-Rp', join(run, 'template'), directory]);
  return { directory, binaries: run, log: `${directory}.log`, disposable: true };
}
