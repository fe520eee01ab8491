import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

import { TestbedError } from './testbed.js';

const DEBIAN_POSTGRES = '/usr/lib/postgresql';
/** Where only root's PATH leads. */
const SERVERS = '/usr/sbin';

/**
 * Finds a program on the PATH, or where Debian puts servers and the programs of PostgreSQL.
 *
 * @throws TestbedError that says what to install when there is none.
 */
export function findExecutable(name: string, debianPackage: string): string {
  const executable = locateExecutable(name);
  if (executable === undefined) {
    throw new TestbedError(`There is no ${name} on the PATH (on Debian: ${debianPackage}).`);
  }
  return executable;
}

/** The same where the program may be missing. */
export function locateExecutable(name: string): string | undefined {
  const versions = existsSync(DEBIAN_POSTGRES) ? readdirSync(DEBIAN_POSTGRES) : [];
  const directories = [
    ...(process.env.PATH ?? '').split(delimiter),
    SERVERS,
    ...versions.map((version) => join(DEBIAN_POSTGRES, version, 'bin')),
  ];
  return directories.map((directory) => join(directory, name)).find(existsSync);
}
