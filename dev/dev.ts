import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { Compiler, isSource, SOURCES } from './compiler.js';
import { bindPort } from './free-port.js';
import { followLog } from './log-file.js';
import { ManagedProcess, type Order } from './managed-process.js';
import { PartnerSandbox } from './partner-sandbox.js';
import { canEnter, ownerOf } from './postgres-installation.js';
import { DirectoryInUseError, forgetPostgresVariables, PostgresServer } from './postgres-server.js';
import { findRedis, installRedis, RedisServer } from './redis-server.js';
import { ReloadingService } from './reloading-service.js';
import { publishSandbox } from './sandbox-control.js';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const DATA = join(ROOT, '.data');
const DATABASE = 'farmlokal';
const SAMPLE_PRODUCTS = 100_000;
const HOST = variable('HOST', '127.0.0.1');
const PORT = variable('PORT', '3000');

/** Tells what is wrong with the surroundings; its message is all there is to say. */
class Obstacle extends Error {}

/** What runs, in the order in which it has been started. */
const running: { stop(): Promise<unknown> }[] = [];
const stopping = new AbortController();
let stoppingSince = 0;

try {
  stopOnSignals();
  await start();
} catch (error) {
  if (!stopping.signal.aborted) {
    console.error(error instanceof Obstacle ? error.message : error);
    await stop(1);
  }
}

async function start(): Promise<void> {
  await checkPort();
  forgetPostgresVariables();
  mkdirSync(DATA, { recursive: true });
  // Before the build: a second start in this checkout must not take the first one's files away.
  const postgres = await startPostgres();
  const compiler = new Compiler(ROOT);
  const compile = () =>
    compiler.compile().catch((error: unknown) => {
      throw new Obstacle(error instanceof Error ? error.message : String(error));
    });
  const [redis, partners] = await Promise.all([startRedis(), startPartners(), compile()]);
  say('The service is compiled');

  const databaseUrl = postgres.url(DATABASE);
  const env = {
    ...process.env,
    NODE_ENV: 'development',
    DATABASE_URL: databaseUrl,
    MIGRATION_DATABASE_URL: databaseUrl,
    REDIS_URL: redis?.url ?? '',
    // Long enough for clients that keep their connection to send a request, which moves them to the next process.
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
    say('The migrations are applied');
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
    order: (port) => ({
      ...node('--enable-source-maps', 'dist/main.js'),
      env: { ...env, HOST: '127.0.0.1', PORT: String(port) },
    }),
    host: HOST,
    port: Number(PORT),
    announce: say,
  });
  running.push(service);
  await service.start();
  await waitUntilReady();
  sayWhatToTry(databaseUrl, redis?.url, partners);
}

async function checkPort(): Promise<void> {
  if (!/^\d{1,5}$/.test(PORT) || Number(PORT) < 1 || Number(PORT) > 65_535) {
    throw new Obstacle(`PORT must be an integer from 1 to 65535, not "${PORT}"`);
  }
  await bindPort(Number(PORT), HOST).catch((error: unknown) => {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'EADDRINUSE') throw new Obstacle(`Cannot listen on HOST and PORT: ${message}`);
    const mine = existsSync(join(DATA, 'postgres/data/postmaster.pid'));
    throw new Obstacle(
      `Port ${PORT} is taken${mine ? ', perhaps by another "npm run dev" of this checkout' : ''}; ` +
        `choose another: PORT=${Number(PORT) + 1} npm run dev`,
    );
  });
}

async function startPostgres(): Promise<PostgresServer> {
  const directory = postgresDirectory();
  const log = join(DATA, 'postgres.log');
  const postgres = await PostgresServer.start({ directory, log }).catch((error: unknown) => {
    if (!(error instanceof DirectoryInUseError)) throw error;
    throw new Obstacle(
      `Another "npm run dev" runs in this checkout, or is just ending: ${directory} is in use`,
    );
  });
  running.push(postgres);
  const [database] = await postgres.query(
    'postgres',
    'SELECT FROM pg_database WHERE datname = $1',
    [DATABASE],
  );
  if (!database) await postgres.query('postgres', `CREATE DATABASE ${DATABASE}`);
  say(`PostgreSQL is up; its data is in ${directory}`);
  return postgres;
}

/**
 * `.data/postgres`, or a link to where PostgreSQL's account can get at it: root's checkout may lie in
 * /root, which is closed to that account.
 */
function postgresDirectory(): string {
  const directory = join(DATA, 'postgres');
  if (!existsSync(directory)) {
    // A link that leads nowhere.
    rmSync(directory, { force: true });
    if (!canEnter(ownerOf(directory), directory)) {
      rmSync(directory, { recursive: true });
      mkdirSync('/var/lib', { recursive: true });
      symlinkSync(mkdtempSync('/var/lib/farmlokal-'), directory);
    }
  }
  const place = realpathSync(directory);
  if (!canEnter(ownerOf(place), place)) {
    throw new Obstacle(
      `The account that owns ${place} cannot get at it: remove it and start again`,
    );
  }
  return place;
}

async function startRedis(): Promise<RedisServer | undefined> {
  const executable = findRedis() ?? (await installRedis(join(DATA, 'apt.log'), say));
  if (executable === undefined) {
    say('No redis-server or valkey-server on the PATH: the service runs without Redis');
    return undefined;
  }
  const log = join(DATA, 'redis.log');
  const redis = await RedisServer.start(executable, { directory: DATA, log, maxMemory: '128mb' });
  running.push(redis);
  say('Redis is up');
  return redis;
}

async function startPartners(): Promise<PartnerSandbox> {
  const partners = await PartnerSandbox.start({ log: join(DATA, 'sandbox.log') });
  running.push(partners);
  running.push(publishSandbox(partners));
  say('The partner sandbox is up');
  return partners;
}

async function run(name: string, order: Order & { command: string }): Promise<void> {
  const output = order.log === undefined ? () => '' : followLog(order.log);
  const command = await ManagedProcess.start(order);
  running.push(command);
  const code = await command.finished();
  running.splice(running.indexOf(command), 1);
  if (code !== 0) throw new Obstacle(`${output()}\n${name} failed (code ${code})`.trim());
}

async function waitUntilReady(): Promise<void> {
  const url = `${serviceUrl()}/health/ready`;
  while (!(await fetch(url).catch(() => undefined))?.ok) await sleep(100);
}

function variable(name: string, unset: string): string {
  const value = process.env[name];
  return value === undefined || value === '' ? unset : value;
}

/** Where the service is, by this name where it listens on loopback or everywhere. */
function serviceUrl(loopback = 'localhost'): string {
  const anywhere = ['0.0.0.0', '127.0.0.1', '::'].includes(HOST);
  return `http://${anywhere ? loopback : isIPv6(HOST) ? `[${HOST}]` : HOST}:${PORT}`;
}

function sayWhatToTry(
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
  sandbox     ${controlUrl}   (switches of the partners)
  webhooks    are signed with ${webhookSecret}

  curl '${url}/api/products?limit=20&cursor=20&category=Electronics'
  curl '${url}/api/products?sort=price&order=desc&minPrice=100&maxPrice=500'
  curl '${url}/api/products/40/availability'
  curl '${url}/health/ready'
  npm run sandbox:emit -- --count 1000 --duplicates 0.3 --shuffle

  A change in src/ or migrations/ is compiled and served; Ctrl-C stops everything.
`);
}

function say(line: string): void {
  console.log(`dev: ${line}`);
}

function stopOnSignals(): void {
  // A closed terminal takes the output away.
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => void stop(0));
  }
  // Killed, npm hands no signal on.
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent && !stopping.signal.aborted) void stop(0);
  }, 1_000).unref();
}

/** Stops all in order. Asked again, it leaves that to the reapers and does not wait for them. */
async function stop(code: number): Promise<void> {
  if (stopping.signal.aborted) {
    // Of one Ctrl-C the terminal and npm tell separately.
    if (performance.now() - stoppingSince > 500) process.exit(1);
    return;
  }
  stopping.abort();
  stoppingSince = performance.now();
  if (running.length > 0) say('Stopping');
  for (const part of running.reverse()) await part.stop();
  process.exit(code);
}
