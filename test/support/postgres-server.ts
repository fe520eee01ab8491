import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';

import { type PostgresOptions, PostgresServer } from '../../dev/postgres-server.js';
import { testDirectory } from './test-directory.js';

/** The migrated database in each PostgreSQL cluster of a test run. */
export const TEMPLATE_DATABASE = 'farmlokal_template';

/** Starts a PostgreSQL server of one spec, which may kill or freeze it. */
export async function startPostgres(): Promise<PostgresServer> {
  return await PostgresServer.start(copyOfTemplate());
}

/** Copies the migrated cluster and returns the options to start the copy. */
export function copyOfTemplate(): PostgresOptions {
  const run = testDirectory();
  const directory = join(run, `postgres-${randomUUID()}`);
  execFileSync('cp', ['-Rp', join(run, 'template'), directory]);
  return { directory, binaries: run, log: `${directory}.log`, disposable: true };
}
