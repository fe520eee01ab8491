import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { urlHost } from '../src/http/url-host.js';
import { Compiler, isSource, SOURCES } from './compiler.js';
import { bindPort } from './free-port.js';
import { followLog } from './log-file.js';
import { ManagedProcess, type ProcessOptions } from './managed-process.js';
import { PartnerSandbox } from './partner-sandbox.js';
import { canAccess, ownerOf } from './postgres-installation.js';
import { clearPostgresVariables, DirectoryInUseError, PostgresServer } from './postgres-server.js';
import { findRedis, installRedis, RedisServer } from './redis-server.js';
import { ReloadingService } from './reloading-service.js';
import { publishSandbox } from './sandbox-control.js';
import { Shutdown } from './shutdown.js';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const DATA = join(ROOT, '.data');
const DATABASE = 'farmlokal';
const SAMPLE_PRODUCTS = 100_000;
const HOST = variable('HOST', '127.0.0.1');
const PORT = variable('PORT', '3000');

/** A problem that the developer can solve. `npm run dev` prints the message without a stack trace. */
class SetupError extends Error {}

const shutdown = new Shutdown(log);
try {
  await start();
} catch (error) {
  if (!shutdown.inProgress) {
    console.error(error instanceof SetupError ? error.message : error);
    await shutdown.exit(1);
  }
}

async function start(): Promise<void> {
  await checkPort();
  clearPostgresVariables();
  mkdirSync(DATA, { recursive: true });
  // PostgreSQL locks its directory: a second start in this checkout fails before it compiles to the same dist/.
  const postgres = await startPostgres();
  const compiler = new Compiler(ROOT);
  const compile = () =>
    compiler.compile().catch((error: unknown) => {
      throw new SetupError(error instanceof Error ? error.message : String(error));
    });
  const [redis, partners] = await Promise.all([startRedis(), startPartners(), compile()]);
  log('The service is compiled');

  const databaseUrl = postgres.url(DATABASE);
  const env = {
    ...process.env,
    NODE_ENV: 'development',
    DATABASE_URL: databaseUrl,
    MIGRATION_DATABASE_URL: databaseUrl,
    REDIS_URL: redis?.url ?? '',
    // Gives clients with an open connection time to send a request, which moves them to the next process.
    SHUTDOWN_DELAY_MS: '500',
    PUBLIC_URL: serviceUrl('127.0.0.1'),
    ...partners.environment(),
  };
  const node = (...args: string[]) => ({ command: process.execPath, args, cwd: ROOT, env });

  const migrate = async () => {
    await run('The migrations', {
      ...node('dist/database/migrate.js', 'run'),
      log: join(DATA, 'migrations.log'),
    });
    log('The migrations are applied');
  };
  await migrate();
  await run('The sample products', node('dist/seed/seed.js', '--count', String(SAMPLE_PRODUCTS)));

  const service = new ReloadingService({
    directories: SOURCES.map((source) => join(ROOT, source)),
    isSource,
    rebuild: async () => {
      const changed = await compile();
      if (changed.some((path) => path.startsWith('migrations'))) await migrate();
      return changed;
    },
    command: (port) => ({
      ...node('--enable-source-maps', 'dist/main.js'),
      env: { ...env, HOST: '127.0.0.1', PORT: String(port) },
    }),
    host: HOST,
    port: Number(PORT),
    log,
  });
  shutdown.add(service);
  await service.start();
  await waitUntilReady();
  printSummary(databaseUrl, redis?.url, partners);
}

async function checkPort(): Promise<void> {
  if (!/^\d{1,5}$/.test(PORT) || Number(PORT) < 1 || Number(PORT) > 65_535) {
    throw new SetupError(`PORT must be an integer from 1 to 65535, not "${PORT}"`);
  }
  await bindPort(Number(PORT), HOST).catch((error: unknown) => {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'EADDRINUSE') {
      throw new SetupError(`Cannot listen on HOST "${HOST}" and PORT ${PORT}: ${message}`);
    }
    const isOurs = existsSync(join(DATA, 'postgres/data/postmaster.pid'));
    throw new SetupError(
      `Port ${PORT} is in use${isOurs ? ', perhaps by another "npm run dev" in this checkout' : ''}. ` +
        `Choose another port: PORT=${Number(PORT) + 1} npm run dev`,
    );
  });
}

async function startPostgres(): Promise<PostgresServer> {
  const directory = postgresDirectory();
  const logFile = join(DATA, 'postgres.log');
  const postgres = await PostgresServer.start({ directory, log: logFile }).catch(
    (error: unknown) => {
      if (!(error instanceof DirectoryInUseError)) throw error;
      throw new SetupError(
        `Another "npm run dev" is running or stopping in this checkout: ${directory} is in use`,
      );
    },
  );
  shutdown.add(postgres);
  const [database] = await postgres.query(
    'postgres',
    'SELECT FROM pg_database WHERE datname = $1',
    [DATABASE],
  );
  if (!database) await postgres.query('postgres', `CREATE DATABASE ${DATABASE}`);
  log(`PostgreSQL is running; its data is in ${directory}`);
  return postgres;
}

/** `.data/postgres`, or a link in its place when PostgreSQL's account cannot access the checkout, as in /root. */
function postgresDirectory(): string {
  const directory = join(DATA, 'postgres');
  if (!existsSync(directory)) {
    // Removes a broken link.
    rmSync(directory, { force: true });
    if (!canAccess(ownerOf(directory), directory)) {
      rmSync(directory, { recursive: true });
      mkdirSync('/var/lib', { recursive: true });
      symlinkSync(mkdtempSync('/var/lib/farmlokal-'), directory);
    }
  }
  const path = realpathSync(directory);
  if (!canAccess(ownerOf(path), path)) {
    throw new SetupError(`The owner of ${path} cannot access it. Remove it and start again.`);
  }
  return path;
}

async function startRedis(): Promise<RedisServer | undefined> {
  const executable = findRedis() ?? (await installRedis(join(DATA, 'apt.log'), log));
  if (executable === undefined) {
    log('No redis-server or valkey-server on the PATH: the service runs without Redis');
    return undefined;
  }
  const redis = await RedisServer.start(executable, {
    directory: DATA,
    log: join(DATA, 'redis.log'),
    maxMemory: '128mb',
  });
  shutdown.add(redis);
  log('Redis is running');
  return redis;
}

async function startPartners(): Promise<PartnerSandbox> {
  const partners = await PartnerSandbox.start({ log: join(DATA, 'sandbox.log') });
  shutdown.add(partners);
  shutdown.add(publishSandbox(partners));
  log('The partner sandbox is running');
  return partners;
}

/** Runs a command to its end. */
async function run(name: string, options: ProcessOptions & { command: string }): Promise<void> {
  const output = options.log === undefined ? () => '' : followLog(options.log);
  const command = await ManagedProcess.start(options);
  shutdown.add(command);
  const code = await command.finished();
  shutdown.remove(command);
  if (code !== 0) throw new SetupError(`${output()}\n${name} failed (exit code ${code})`.trim());
}

async function waitUntilReady(): Promise<void> {
  const url = `${serviceUrl()}/health/ready`;
  while (!(await fetch(url).catch(() => undefined))?.ok) await sleep(100);
}

function variable(name: string, fallback: string): string {
  const value = process.env[name];
  return value === undefined || value === '' ? fallback : value;
}

/** The service's URL, with this host name when the service listens on loopback or on all addresses. */
function serviceUrl(loopback = 'localhost'): string {
  const isLocal = ['0.0.0.0', '127.0.0.1', '::'].includes(HOST);
  return `http://${isLocal ? loopback : urlHost(HOST)}:${PORT}`;
}

function printSummary(
  databaseUrl: string,
  redisUrl: string | undefined,
  { controlUrl, webhookSecret }: PartnerSandbox,
): void {
  const url = serviceUrl();
  console.log(`
  service     ${url}
  docs        ${url}/docs
  PostgreSQL  ${databaseUrl}
  Redis       ${redisUrl ?? 'none'}
  sandbox     ${controlUrl}   (stand-ins for the partners)
  webhooks    are signed with ${webhookSecret}

Try:

  curl '${url}/api/products?limit=20&cursor=20&category=Electronics'
  curl '${url}/api/products?sort=price&order=desc&minPrice=100&maxPrice=500'
  curl '${url}/api/products/40/availability'
  curl '${url}/health/ready'
  npm run sandbox:emit -- --count 1000 --duplicates 0.3 --shuffle

The service reloads when a file in src/ or migrations/ changes. Ctrl-C stops everything.
`);
}

function log(line: string): void {
  console.log(`dev: ${line}`);
}
