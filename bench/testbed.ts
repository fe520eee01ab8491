import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { QueryResultRow } from 'pg';

import { onFreePort } from '../dev/free-port.js';
import { followLog } from '../dev/log-file.js';
import { ManagedProcess, type ProcessOptions } from '../dev/managed-process.js';
import { PartnerSandbox } from '../dev/partner-sandbox.js';
import { canAccess, ownerOf } from '../dev/postgres-installation.js';
import { DirectoryInUseError, PostgresServer } from '../dev/postgres-server.js';
import { findRedis, installRedis, RedisServer } from '../dev/redis-server.js';
import { makeTemporaryDirectory } from '../dev/temporary-directory.js';
import { Sandbox } from '../test/support/sandbox.js';
import { START_COMMAND } from '../test/support/start-command.js';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const DATA = join(ROOT, '.data');
const READY_MS = 30_000;
/** What Redis may use at most. */
export const REDIS_MAX_MIB = 256;

export interface Running {
  readonly stop: () => Promise<unknown>;
}

/** A process of the service, or of a program that it is compared with. */
export interface Replica extends Running {
  readonly url: string;
  /** Milliseconds from its start until it was ready. */
  readonly readyAfter: number;
  /** Sends SIGTERM and returns the exit code. */
  readonly stop: () => Promise<number>;
}

/** The arguments of Node. The program returns 200 for `/health/ready` once it is ready. */
export type Program = readonly string[];

/** The service as `npm start` runs it. */
const SERVICE: Program = [...START_COMMAND.slice(0, -1), 'dist/main.js'];

/**
 * Cached responses expire at once, so that PostgreSQL is read for every request. The service still reads Redis, takes
 * the lock and stores the response.
 */
export const EMPTY_CACHES = { CACHE_TTL_MS: '1', CACHE_STALE_MS: '1' };

/** Everything that is on in production, and a rate limit that a single client does not reach. */
export const PRODUCTION = { LOG_LEVEL: 'info', THROTTLE_LIMIT: '1000000000' };

/** Why nothing can be measured. The message says everything, so no stack trace is printed. */
export class TestbedError extends Error {}

/**
 * PostgreSQL with the sample catalog, Redis, and any number of replicas of the built service, on free ports of the
 * loopback interface. The catalog stays in `.data` for the next run.
 */
export class Testbed {
  private readonly replicas: Replica[] = [];
  /** One database for each size, because a catalog never shrinks. */
  private readonly database: string;

  private constructor(
    /** Everything that was started, in that order. The caller may stop it at any time. */
    private readonly running: Running[],
    readonly postgres: PostgresServer,
    readonly redis: RedisServer,
    /** Products in the catalog. */
    readonly rows: number,
  ) {
    this.database = `bench_${rows}`;
  }

  static async start(
    rows: number,
    running: Running[],
    log: (line: string) => void,
  ): Promise<Testbed> {
    mkdirSync(DATA, { recursive: true });
    const postgres = await startPostgres(running);
    const redis = await startRedis(running, log);
    const testbed = new Testbed(running, postgres, redis, rows);
    log('building the service');
    const build = { command: 'npm', args: ['run', '--silent', 'build'], env: process.env };
    await testbed.run('The build', { ...build, log: join(DATA, 'bench-build.log') });
    await testbed.load();
    return testbed;
  }

  /** The same servers with a catalog of another size. */
  async resized(rows: number): Promise<Testbed> {
    const other = new Testbed(this.running, this.postgres, this.redis, rows);
    await other.load();
    return other;
  }

  get databaseUrl(): string {
    return this.postgres.url(this.database);
  }

  async query<Row extends QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    return await this.postgres.query<Row>(this.database, text, values);
  }

  /** Starts the built service, or another program, on a free port (or `env.PORT`) and waits until it is ready. */
  async startReplica(env: Record<string, string>, program = SERVICE): Promise<Replica> {
    // A log with a line for each request is too large to keep.
    const keepsLog = program === SERVICE && env.LOG_LEVEL === undefined;
    return await onFreePort(async (port) => {
      const log = join(DATA, keepsLog ? 'bench-service.log' : `bench-${port}.log`);
      const output = followLog(log);
      const order = this.node(...program);
      const address = { HOST: '127.0.0.1', PORT: String(port) };
      const environment = { ...order.env, ...address, ...env };
      const service = await ManagedProcess.start({ ...order, env: environment, log });
      const startedAt = performance.now();
      const stop = async () => {
        const code = await service.stop();
        if (!keepsLog) rmSync(log, { force: true });
        return code;
      };
      this.running.push({ stop });
      const url = `http://127.0.0.1:${environment.PORT}`;
      const isReady = await service.readyWithin(READY_MS, async () => {
        const response = await fetch(`${url}/health/ready`).catch(() => undefined);
        return response?.ok === true;
      });
      if (!isReady) throw new TestbedError(`The service did not become ready:\n${output()}`);
      const readyAfter = Math.round(performance.now() - startedAt);
      const replica = { url, readyAfter, stop };
      this.replicas.push(replica);
      return replica;
    });
  }

  async stopReplicas(): Promise<void> {
    await Promise.all(this.replicas.splice(0).map((replica) => replica.stop()));
  }

  /** Starts the partner sandbox: API A, API B and the OAuth provider. */
  async startSandbox(): Promise<Sandbox> {
    const partners = await PartnerSandbox.start({ log: join(DATA, 'bench-sandbox.log') });
    this.running.push(partners);
    return new Sandbox(partners);
  }

  private async load(): Promise<void> {
    const select = 'SELECT FROM pg_database WHERE datname = $1';
    const [found] = await this.postgres.query('postgres', select, [this.database]);
    if (!found) await this.postgres.query('postgres', `CREATE DATABASE ${this.database}`);
    const log = join(DATA, 'bench-migrations.log');
    await this.run('The migrations', { ...this.node('dist/database/migrate.js', 'run'), log });
    await this.run('The seed', this.node('dist/seed/seed.js', '--count', String(this.rows)));
    // The state that autovacuum leaves, with nothing left to write while requests are measured.
    await this.query('VACUUM (ANALYZE) products');
    await this.query('CHECKPOINT');
  }

  private node(...args: string[]) {
    const env = {
      PATH: process.env.PATH,
      NODE_ENV: 'production',
      LOG_LEVEL: 'warn',
      DATABASE_URL: this.databaseUrl,
      REDIS_URL: this.redis.url,
      SHUTDOWN_DELAY_MS: '0',
      // The whole load comes from one address.
      THROTTLE_LIMIT: '1000000',
    };
    return { command: process.execPath, args, cwd: ROOT, env };
  }

  private async run(name: string, order: ProcessOptions & { command: string }): Promise<void> {
    const output = order.log === undefined ? () => '' : followLog(order.log);
    const command = await ManagedProcess.start({ cwd: ROOT, ...order });
    this.running.push(command);
    const code = await command.finished();
    this.running.splice(this.running.indexOf(command), 1);
    if (code !== 0) throw new TestbedError(`${output()}\n${name} failed (code ${code}).`.trim());
  }
}

async function startPostgres(running: Running[]): Promise<PostgresServer> {
  let directory = join(DATA, 'bench-postgres');
  // PostgreSQL's account cannot enter a checkout in /root.
  if (!canAccess(ownerOf(directory), directory)) {
    const temporary = await makeTemporaryDirectory();
    running.push({ stop: () => temporary.remove() });
    directory = temporary.path;
  }
  try {
    const postgres = await PostgresServer.start({
      directory,
      log: join(DATA, 'bench-postgres.log'),
    });
    running.push(postgres);
    return postgres;
  } catch (error) {
    if (!(error instanceof DirectoryInUseError)) throw error;
    throw new TestbedError('Another "npm run bench" is running in this checkout.');
  }
}

async function startRedis(running: Running[], log: (line: string) => void): Promise<RedisServer> {
  const executable = findRedis() ?? (await installRedis(join(DATA, 'apt.log'), log));
  if (executable === undefined) {
    throw new TestbedError('Neither redis-server nor valkey-server is on the PATH. Install one.');
  }
  const options = { directory: DATA, log: join(DATA, 'bench-redis.log') };
  const maxMemory = `${REDIS_MAX_MIB}mb`;
  const redis = await RedisServer.start(executable, { ...options, maxMemory });
  running.push(redis);
  return redis;
}
