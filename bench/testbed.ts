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

/** Something that runs until it is stopped. */
export interface Running {
  stop(): Promise<unknown>;
}

/** A replica of the service. */
export interface Replica extends Running {
  readonly url: string;
  readonly pid: number;
  /** Milliseconds from its start until it was ready. */
  readonly readyAfter: number;
  /** Asks it to end, and gives its exit code. */
  stop(): Promise<number>;
}

/** What a replica runs. */
export interface Program {
  /** Node's own options. */
  readonly options?: readonly string[];
  readonly entry: string;
  /** The path that answers 200 once it is ready. */
  readonly ready: string;
  /** A file for its output in `.data`, which goes with it; without one it is added to that of all others. */
  readonly log?: string;
}

/** As `npm start` runs it. */
const SERVICE: Program = {
  options: START_COMMAND.slice(0, -1),
  entry: 'dist/main.js',
  ready: '/health/ready',
};

/** The service with a log of its own: one that tells of each request grows too large to be kept. */
export function loggingTo(log: string): Program {
  return { ...SERVICE, log };
}

/**
 * Caches forget at once, so that PostgreSQL answers every request. The listing still does all it does for
 * its caches: it asks Redis, takes the lock and stores the page.
 */
export const EMPTY_CACHES = { CACHE_TTL_MS: '1', CACHE_STALE_MS: '1' };

/** Tells what is missing here to measure anything; its message is all there is to say. */
export class TestbedError extends Error {}

/**
 * PostgreSQL with the sample catalogue, Redis, and as many replicas of the built service as a case
 * wants, on loopback and on free ports. The catalogue is kept for the next run.
 */
export class Testbed {
  private constructor(
    /** What has been started, in that order; whoever stops it all may do so at any time. */
    private readonly running: Running[],
    readonly postgres: PostgresServer,
    private readonly database: string,
    readonly redis: RedisServer,
  ) {}

  static async start(
    rows: number,
    running: Running[],
    say: (line: string) => void,
  ): Promise<Testbed> {
    mkdirSync(DATA, { recursive: true });
    const postgres = await startPostgres(running);
    const redis = await startRedis(running, say);
    // A catalogue for each size: one that has grown does not shrink.
    const testbed = new Testbed(running, postgres, `bench_${rows}`, redis);
    say('Building the service');
    await testbed.run('The build', {
      command: 'npm',
      args: ['run', '--silent', 'build'],
      env: process.env,
      log: join(DATA, 'bench-build.log'),
    });
    await testbed.load(rows);
    return testbed;
  }

  /** The same servers with a catalogue of another size. */
  async resized(rows: number): Promise<Testbed> {
    const other = new Testbed(this.running, this.postgres, `bench_${rows}`, this.redis);
    await other.load(rows);
    return other;
  }

  /** Where the catalogue is. */
  get databaseUrl(): string {
    return this.postgres.url(this.database);
  }

  /** Seconds that loading the catalogue took, whenever that was; undefined when it took several runs. */
  async seedSeconds(): Promise<number | undefined> {
    const [row] = await this.query<{ seconds: number | null }>(
      `SELECT shobj_description(oid, 'pg_database')::int AS seconds
       FROM pg_database WHERE datname = current_database()`,
    );
    return row?.seconds ?? undefined;
  }

  /** Runs one statement against the catalogue; gives the rows. */
  async query<Row extends QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    return await this.postgres.query<Row>(this.database, text, values);
  }

  /**
   * Starts the built service, or another program that takes its environment, on a free port (or `PORT`), and
   * waits until it is ready.
   */
  async startReplica(env: Record<string, string>, program = SERVICE): Promise<Replica> {
    return await onFreePort(async (port) => {
      const log = join(DATA, program.log ?? 'bench-service.log');
      const forgetLog = () => {
        if (program.log !== undefined) rmSync(log, { force: true });
      };
      forgetLog();
      const output = followLog(log);
      const service = await ManagedProcess.start({
        ...this.node(...(program.options ?? []), program.entry),
        env: { ...this.environment(), HOST: '127.0.0.1', PORT: String(port), ...env },
        log,
      });
      const startedAt = performance.now();
      const stop = async () => {
        const code = await service.stop();
        forgetLog();
        return code;
      };
      this.running.push({ stop });
      const url = `http://127.0.0.1:${env.PORT ?? port}`;
      const ready = await service.readyWithin(30_000, async () => {
        const response = await fetch(url + program.ready).catch(() => undefined);
        return response?.ok === true;
      });
      if (!ready) {
        throw new TestbedError(`The service did not become ready:\n${output()}`);
      }
      const readyAfter = Math.round(performance.now() - startedAt);
      return { url, pid: service.pid, readyAfter, stop };
    });
  }

  /** Starts the partners that the replicas may be told to deal with. */
  async startSandbox(): Promise<Sandbox> {
    const partners = await PartnerSandbox.start({ log: join(DATA, 'bench-sandbox.log') });
    this.running.push(partners);
    return new Sandbox(partners);
  }

  private async load(rows: number): Promise<void> {
    const [found] = await this.postgres.query(
      'postgres',
      'SELECT FROM pg_database WHERE datname = $1',
      [this.database],
    );
    if (!found) {
      await this.postgres.query('postgres', `CREATE DATABASE ${this.database}`);
    }
    await this.run('The migrations', {
      ...this.node(
        'node_modules/typeorm/cli.js',
        'migration:run',
        '--dataSource',
        'dist/database/cli.data-source.js',
      ),
      log: join(DATA, 'bench-migrations.log'),
    });
    const startedAt = performance.now();
    await this.run('The seed', this.node('dist/seed/seed.js', '--count', String(rows)));
    if (!found) {
      const seconds = Math.round((performance.now() - startedAt) / 1000);
      await this.query(`COMMENT ON DATABASE ${this.database} IS '${seconds}'`);
    }
    await this.query(LONE_PRODUCT);
    // As autovacuum leaves it, and with nothing of the load left to be written while it is measured.
    await this.query('VACUUM (ANALYZE) products');
    await this.query('CHECKPOINT');
  }

  private node(...args: string[]): ProcessOptions & { command: string } {
    return { command: process.execPath, args, cwd: ROOT, env: this.environment() };
  }

  private environment(): NodeJS.ProcessEnv {
    return {
      PATH: process.env.PATH,
      NODE_ENV: 'production',
      LOG_LEVEL: 'warn',
      DATABASE_URL: this.databaseUrl,
      REDIS_URL: this.redis.url,
      SHUTDOWN_DELAY_MS: '0',
      // All load comes from one address.
      THROTTLE_LIMIT: '1000000',
    };
  }

  private async run(name: string, order: ProcessOptions & { command: string }): Promise<void> {
    const output = order.log === undefined ? () => '' : followLog(order.log);
    const command = await ManagedProcess.start({ cwd: ROOT, ...order });
    this.running.push(command);
    const code = await command.finished();
    this.running.splice(this.running.indexOf(command), 1);
    if (code !== 0) {
      throw new TestbedError(`${output()}\n${name} failed (code ${code})`.trim());
    }
  }
}

/** A category with a single product: those of the sample catalogue hold thousands. */
const LONE_PRODUCT = `
  INSERT INTO products (sku, name, description, category, price, currency, unit, producer)
  VALUES ('BENCH-1', 'Saffron Crocus Corm', 'The only one of its kind.', 'Bulbs', 77.70, 'INR', 'piece', 'Bench')
  ON CONFLICT (sku) DO NOTHING`;

async function startPostgres(running: Running[]): Promise<PostgresServer> {
  const directory = await dataDirectory(running);
  const log = join(DATA, 'bench-postgres.log');
  const postgres = await PostgresServer.start({ directory, log }).catch((error: unknown) => {
    throw error instanceof DirectoryInUseError
      ? new TestbedError(`Another "npm run bench" runs in this checkout, or is just ending.`)
      : error;
  });
  running.push(postgres);
  return postgres;
}

/** Kept for the next run, unless PostgreSQL's account cannot get at it: root's checkout may lie in /root. */
async function dataDirectory(running: Running[]): Promise<string> {
  const directory = join(DATA, 'bench-postgres');
  if (canAccess(ownerOf(directory), directory)) {
    return directory;
  }
  const temporary = await makeTemporaryDirectory();
  running.push({ stop: () => temporary.remove() });
  return temporary.path;
}

async function startRedis(running: Running[], say: (line: string) => void): Promise<RedisServer> {
  const executable = findRedis() ?? (await installRedis(join(DATA, 'apt.log'), say));
  if (executable === undefined) {
    throw new TestbedError('There is no redis-server or valkey-server on the PATH: install one.');
  }
  const log = join(DATA, 'bench-redis.log');
  const redis = await RedisServer.start(executable, { directory: DATA, log, maxMemory: '256mb' });
  running.push(redis);
  return redis;
}
