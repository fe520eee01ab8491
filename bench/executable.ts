import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

import { TestbedError } from './testbed.js';

const DEBIAN_POSTGRES = '/usr/lib/postgresql';

/** Finds a program on the PATH, in /usr/sbin, or where Debian installs the programs of PostgreSQL. */
export function locateExecutable(name: string): string | undefined {
  const versions = existsSync(DEBIAN_POSTGRES) ? readdirSync(DEBIAN_POSTGRES) : [];
  const debian = versions.map((version) => join(DEBIAN_POSTGRES, version, 'bin'));
  const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', ...debian];
  return directories.map((directory) => join(directory, name)).find(existsSync);
}

/** @throws TestbedError that names the Debian package when there is no such program. */
export function findExecutable(name: string, debianPackage: string): string {
  const executable = locateExecutable(name);
  if (executable !== undefined) return executable;
  throw new TestbedError(`${name} is not on the PATH. On Debian, install ${debianPackage}.`);
}
