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

/** Where a cluster keeps its files, and whether they must be durable. */
export interface PostgresOptions {
  /** Directory of the data and the password. */
  directory: string;
  /** Directory for a copy of the binaries, if one is needed; `directory` by default. */
  binaries?: string;
  log: string;
  /** Trades durability for speed: no fsync, and `stop` is an immediate shutdown. False by default. */
  disposable?: boolean;
}

/** Deletes PGSSLMODE and similar variables from the environment: they are meant for another server. */
export function clearPostgresVariables(): void {
  for (const name of Object.keys(process.env)) {
    if (name.startsWith('PG')) Reflect.deleteProperty(process.env, name);
  }
}

/** Thrown when another server is using the directory. */
export class DirectoryInUseError extends Error {}

/** A PostgreSQL server on a free port of 127.0.0.1, with a random password. It ends when this process ends. */
export class PostgresServer {
  private paused: number[] = [];

  private constructor(
    readonly port: number,
    private readonly password: string,
    private readonly launch: () => Promise<ManagedProcess>,
    private server: ManagedProcess,
  ) {}

  /** Creates the cluster if it is missing, and starts the server. */
  static async start(options: PostgresOptions): Promise<PostgresServer> {
    const { directory } = options;
    const account = ownerOf(directory);
    const installation = postgresInstallation(account, options.binaries ?? directory);
    await initCluster(directory, installation, account);
    const password = readFileSync(join(directory, 'password'), 'utf8').trim();
    return await onFreePort(async (port) => {
      const launch = () => launchPostgres(options, installation, account, port, password);
      return new PostgresServer(port, password, launch, await launch());
    });
  }

  get pid(): number {
    return this.server.pid;
  }

  /** The connection URL of a database. */
  url(database: string): string {
    return urlOf(this.port, this.password, database);
  }

  /** Runs one statement on a new connection and returns its rows. */
  async query<Row extends pg.QueryResultRow>(
    database: string,
    text: string,
    values: unknown[] = [],
  ): Promise<Row[]> {
    return await query<Row>(this.url(database), text, values);
  }

  /** Stops the server immediately, as a crash would: it closes connections and writes nothing more. */
  async kill(): Promise<void> {
    // SIGKILL would leave behind the System V shared memory segment that locks the data directory.
    await this.server.signal('SIGQUIT');
    await this.server.finished();
  }

  /** Starts the server again on the same port and data. */
  async restart(): Promise<void> {
    await this.stop();
    this.server = await this.launch();
  }

  /** Pauses the server: connections stay open, but it does not respond. */
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

  /** Continues after `pause`. */
  async resume(): Promise<void> {
    await this.server.signal('SIGCONT', this.paused);
    this.paused = [];
  }

  /** Stops the server. */
  async stop(): Promise<void> {
    await this.server.stop();
  }
}

/** Runs one statement on a new connection and returns its rows. */
export async function query<Row extends pg.QueryResultRow>(
  url: string,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  // A lost connection also rejects the query.
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

async function initCluster(
  directory: string,
  installation: string,
  account: Account,
): Promise<void> {
  const data = join(directory, 'data');
  if (existsSync(data)) return;
  const password = join(directory, 'password');
  writeFileSync(password, randomBytes(16).toString('hex'), { mode: 0o600 });
  if (isRoot) await chown(password, account.uid, account.gid);
  // An interrupted initdb leaves an incomplete cluster.
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
    // In the data directory, so that it is removed with it.
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

  // Recovery after a crash may take long.
  const ready = await server.readyWithin(60_000, () =>
    // Another server on this port would reject the password.
    query(urlOf(port, password, 'postgres'), 'SELECT 1').then(
      () => true,
      () => false,
    ),
  );
  if (ready) return server;
  const messages = output();
  if (messages.includes('lock file "postmaster.pid" already exists')) {
    throw new DirectoryInUseError(`${directory} is in use by another PostgreSQL`);
  }
  throw new Error(`PostgreSQL did not start:\n${messages}`);
}
