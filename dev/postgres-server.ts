import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { chown } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import pg from 'pg';

import { onFreePort } from './free-port.js';
import { followLog } from './log-file.js';
import { ManagedProcess } from './managed-process.js';
import { type Account, isRoot, ownerOf, postgresInstallation } from './postgres-installation.js';

/** Where a cluster lives and what it is for. */
export interface PostgresOptions {
  /** Holds the data, the password, and the binaries where the npm package's own cannot be used. */
  directory: string;
  /** Where the binaries are copied to in that case; the directory itself unless told. */
  binaries?: string;
  log: string;
  /** Data that need not survive: nothing waits for the disk, and a stop is a crash. */
  disposable?: boolean;
}

/** Forgets PGSSLMODE and the like: what they say is meant for another server. */
export function forgetPostgresVariables(): void {
  for (const name of Object.keys(process.env)) {
    if (name.startsWith('PG')) Reflect.deleteProperty(process.env, name);
  }
}

/** Thrown when another server runs on the same data. */
export class DirectoryInUseError extends Error {}

/** A PostgreSQL on a free port of 127.0.0.1, with a password of its own. It never outlives this process. */
export class PostgresServer {
  private paused: number[] = [];

  private constructor(
    readonly port: number,
    private readonly password: string,
    private readonly launch: () => Promise<ManagedProcess>,
    private server: ManagedProcess,
  ) {}

  /** Makes the cluster if there is none and starts it. */
  static async start(options: PostgresOptions): Promise<PostgresServer> {
    const { directory } = options;
    const account = ownerOf(directory);
    const installation = postgresInstallation(account, options.binaries ?? directory);
    await initialise(directory, installation, account);
    const password = readFileSync(join(directory, 'password'), 'utf8').trim();
    return await onFreePort(async (port) => {
      const launch = () => launchPostgres(options, installation, account, port, password);
      return new PostgresServer(port, password, launch, await launch());
    });
  }

  get pid(): number {
    return this.server.pid;
  }

  /** The URL of one of its databases. */
  url(database: string): string {
    return urlOf(this.port, this.password, database);
  }

  /** Runs one statement on a connection of its own; gives the rows. */
  async query<Row extends pg.QueryResultRow>(
    database: string,
    text: string,
    values: unknown[] = [],
  ): Promise<Row[]> {
    return await query<Row>(this.url(database), text, values);
  }

  /** Ends it at once, as a crash would: connections break, nothing is written down. */
  async kill(): Promise<void> {
    // SIGKILL would leave the System V segment that PostgreSQL locks its data with.
    await this.server.signal('SIGQUIT');
    await this.server.finished();
  }

  /** Starts it again on the same port and data, after `kill` or `stop`. */
  async restart(): Promise<void> {
    await this.stop();
    this.server = await this.launch();
  }

  /** Freezes it: connections stay open and nothing answers. */
  async pause(): Promise<void> {
    const client = new pg.Client({ connectionString: this.url('postgres') });
    await client.connect();
    await this.server.signal('SIGSTOP');
    const { rows } = await client.query<{ pid: number }>(
      'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()',
    );
    this.paused = [this.pid, ...rows.map((row) => row.pid)];
    await this.server.signal('SIGSTOP', this.paused);
    await client.end();
  }

  /** Lets it go on after `pause`. */
  async resume(): Promise<void> {
    await this.server.signal('SIGCONT', this.paused);
    this.paused = [];
  }

  /** Ends it in order. */
  async stop(): Promise<void> {
    await this.server.stop();
  }
}

/** Runs one statement on a connection of its own; gives the rows. */
export async function query<Row extends pg.QueryResultRow>(
  url: string,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  // What ends the connection fails the statement too.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(text, values)).rows;
  } finally {
    await client.end();
  }
}

function urlOf(port: number, password: string, database: string): string {
  return `postgresql://farmlokal:${password}@127.0.0.1:${port}/${database}`;
}

async function initialise(
  directory: string,
  installation: string,
  account: Account,
): Promise<void> {
  const data = join(directory, 'data');
  if (existsSync(data)) return;
  const password = join(directory, 'password');
  writeFileSync(password, randomBytes(16).toString('hex'), { mode: 0o600 });
  if (isRoot) await chown(password, account.uid, account.gid);
  // Whatever an interrupted attempt has left is not a cluster.
  const unfinished = `${data}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  await promisify(execFile)(
    join(installation, 'bin/initdb'),
    [
      `--pgdata=${unfinished}`,
      '--username=farmlokal',
      `--pwfile=${password}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--no-sync',
    ],
    { ...(isRoot && account), cwd: directory, env: {} },
  );
  renameSync(unfinished, data);
}

async function launchPostgres(
  options: PostgresOptions,
  installation: string,
  account: Account,
  port: number,
  password: string,
): Promise<ManagedProcess> {
  const { directory, log, disposable = false } = options;
  const output = followLog(log);
  const settings = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    // Kept in the data directory, where it goes with the rest.
    dynamic_shared_memory_type: 'mmap',
    max_connections: 200,
    shared_buffers: '256MB',
    ...(disposable && { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  };
  const server = await ManagedProcess.start({
    command: join(installation, 'bin/postgres'),
    args: [
      '-D',
      join(directory, 'data'),
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    cwd: directory,
    env: {},
    ...(isRoot && account),
    log,
    stopSignal: disposable ? 'SIGQUIT' : 'SIGINT',
  });

  // Recovery after a crash may take its time.
  const ready = await server.readyWithin(60_000, () =>
    // No other server that may sit on the port knows the password.
    query(urlOf(port, password, 'postgres'), 'SELECT 1').then(
      () => true,
      () => false,
    ),
  );
  if (ready) return server;
  const said = output();
  if (said.includes('lock file "postmaster.pid" already exists')) {
    throw new DirectoryInUseError(`${directory} is in use by another PostgreSQL`);
  }
  throw new Error(`PostgreSQL did not start:\n${said}`);
}
