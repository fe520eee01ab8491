import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Registry } from 'prom-client';

import { bindPort } from '../../dev/free-port.js';
import type { RedisServer } from '../../dev/redis-server.js';
import type { Environment } from '../../src/config/environment.js';
import { RedisConnection } from '../../src/redis/redis-connection.js';
import { eventually } from '../support/eventually.js';
import { startRedis } from '../support/redis-server.js';
import { testDirectory } from '../support/test-directory.js';

/** The state of a connection without an error so far. */
const WELL = { up: 1, refused: 0, available: true, warnings: [] };
const CONNECTED = ['Redis is connected.'];

let server: RedisServer;
let admin: Redis;
/** Another node of the cluster, if there is one. */
let other: RedisServer | undefined;
let registry: Registry;
let connection: RedisConnection | undefined;
let logs: string[];
let warnings: string[];
/** What ioredis prints to the console. */
let printed: unknown[];

beforeEach(() => {
  logs = [];
  warnings = [];
  printed = [];
  const ignore = () => undefined;
  Logger.overrideLogger({
    log: (message: string) => logs.push(message),
    warn: (message: string) => warnings.push(message),
    error: ignore,
    debug: ignore,
  });
  for (const method of ['log', 'warn', 'error'] as const) {
    jest.spyOn(console, method).mockImplementation((...text) => {
      printed.push(text);
    });
  }
});

afterEach(async () => {
  connection?.onApplicationShutdown();
  connection = undefined;
  admin.disconnect();
  await Promise.all([server.stop(), other?.stop()]);
  other = undefined;
  jest.restoreAllMocks();
});

/** Settings of a node of a new cluster. */
function clusterNode(busPort: number): string[] {
  return [
    'cluster-enabled yes',
    `cluster-config-file nodes-${randomUUID()}.conf`,
    // The default is the port plus 10,000, which can be too high.
    `cluster-port ${busPort}`,
  ];
}

/** Waits until every slot of the cluster is served. */
async function clusterIsWell(): Promise<void> {
  await eventually(
    async () => (await admin.cluster('INFO')).includes('cluster_state:ok') || undefined,
  );
}

async function start(...settings: string[]): Promise<void> {
  server = await startRedis(settings);
  admin = new Redis(server.url, { enableReadyCheck: false });
}

/** Connects as the service does. */
async function connect(change: (url: URL) => void = () => undefined): Promise<RedisConnection> {
  const url = new URL(server.url);
  change(url);
  registry = new Registry();
  connection = new RedisConnection({ REDIS_URL: url.href } as Environment, registry);
  await connection.onApplicationBootstrap();
  return connection;
}

async function metric(name: string): Promise<number> {
  const text = await registry.getSingleMetricAsString(name);
  const line = text.split('\n').find((row) => /^\w+({reason="refused"})? [\d.]+$/.test(row));
  return Number(line?.split(' ')[1] ?? 0);
}

async function state() {
  return {
    up: await metric('farmlokal_redis_up'),
    refused: await metric('farmlokal_redis_failures_total'),
    available: connection?.available,
    warnings,
  };
}

/** Waits until Redis counts as down, and expects one warning with the reason and no output of ioredis. */
async function expectOutage(reason: RegExp): Promise<void> {
  await eventually(async () => ((await state()).refused > 1 ? true : undefined));
  expect(await state()).toMatchObject({
    up: 0,
    available: false,
    warnings: [expect.stringMatching(reason)],
  });
  expect(logs.slice(0, 1)).toEqual(logs.slice(0, 1).filter((log) => CONNECTED.includes(log)));
  expect(printed).toEqual([]);
}

async function expectRecovery(): Promise<void> {
  await eventually(async () => ((await state()).up === 1 ? true : undefined));
  expect(connection?.available).toBe(true);
  expect(logs.at(-1)).toBe('Redis answers again.');
  expect(warnings).toHaveLength(1);
}

function limitUser(...rules: string[]): Promise<unknown> {
  return admin.call('ACL', 'SETUSER', 'limited', 'reset', 'on', '>pass', ...rules);
}

function asLimited(url: URL): void {
  url.username = 'limited';
  url.password = 'pass';
}

describe('A handshake fails', () => {
  it('because of a wrong password', async () => {
    await start();
    await connect((url) => (url.password = 'wrong password'));
    await expectOutage(/the user or the password in REDIS_URL is wrong.*\(AUTH: WRONGPASS/);
    await admin.config('SET', 'requirepass', 'wrong password');
    await expectRecovery();
  });

  it('because of an unknown user', async () => {
    await start();
    await connect(asLimited);
    await expectOutage(/the user or the password in REDIS_URL is wrong.*\(AUTH: WRONGPASS/);
    await limitUser('~*', '+@all');
    await expectRecovery();
  });

  it('because of a missing password', async () => {
    await start();
    await connect((url) => (url.password = ''));
    await expectOutage(/this server requires a password in REDIS_URL \(INFO: NOAUTH/);
    await admin.config('SET', 'requirepass', '');
    await expectRecovery();
  });

  it('because of a password that the server does not require', async () => {
    await start();
    await admin.config('SET', 'requirepass', '');
    await connect();
    await expectOutage(/REDIS_URL has a password, but the default user of this server has none/);
    await admin.config('SET', 'requirepass', new URL(server.url).password);
    await expectRecovery();
  });

  it.each<[string, (port: number) => string[]]>([
    ['on a server with one database', () => ['databases 1']],
    ['on a node of a cluster', clusterNode],
  ])('because of a database that does not exist %s', async (_, settings) => {
    await start(...settings(await bindPort(0)));
    await connect((url) => (url.pathname = '/1'));
    await expectOutage(/the database in REDIS_URL does not exist on this server \(SELECT: ERR/);
    expect(await connection?.attempt((client) => client.set('farmlokal:a', ''))).toBeUndefined();
    expect(await admin.dbsize()).toBe(0);
  });

  it('because of a user who must not select a database', async () => {
    await start();
    await limitUser('~*', '+@all', '-select');
    await connect((url) => {
      asLimited(url);
      url.pathname = '/1';
    });
    await expectOutage(/the user in REDIS_URL lacks a permission \(SELECT: NOPERM/);
    await limitUser('~*', '+@all');
    await expectRecovery();
    await connection?.attempt((client) => client.set('farmlokal:a', ''));
    await admin.select(1);
    expect(await admin.keys('*')).toEqual(['farmlokal:a']);
  });

  it('because the server has as many clients as it allows', async () => {
    await start();
    await admin.config('SET', 'maxclients', '1');
    await connect();
    // The server closes the connection, and its reply can be lost with it.
    await eventually(() =>
      Promise.resolve(
        warnings.some((warning) =>
          warning.includes('it refuses AUTH: ERR max number of clients reached'),
        ) || undefined,
      ),
    );
    expect(await state()).toMatchObject({ up: 0, available: false });
    await admin.config('SET', 'maxclients', '10');
    await eventually(async () => ((await state()).up === 1 ? true : undefined));
  });
});

describe('A handshake succeeds', () => {
  it.each(['~*', '~farmlokal:*'])('for a user who must not run INFO (%s)', async (keys) => {
    await start();
    await limitUser(keys, '+@all', '-info', '-@dangerous');
    await connect(asLimited);
    expect([await state(), logs, printed]).toEqual([WELL, CONNECTED, []]);
  });

  it('with a server that does not have INFO', async () => {
    await start('rename-command INFO ""');
    await connect();
    expect([await state(), logs, printed]).toEqual([WELL, CONNECTED, []]);
  });

  it('with a user without a password', async () => {
    await start();
    await limitUser('nopass', '~*', '+@all');
    await connect((url) => {
      url.username = 'limited';
      url.password = '';
    });
    expect([await state(), logs, printed]).toEqual([WELL, CONNECTED, []]);
  });
});

describe('Redis counts as down', () => {
  it.each<[string, string, RegExp, () => Promise<unknown>, () => Promise<unknown>]>([
    [
      'when the memory is used up',
      '',
      /it refuses SET: OOM command not allowed/,
      () => admin.config('SET', 'maxmemory', '1'),
      () => admin.config('SET', 'maxmemory', '0'),
    ],
    [
      'when it has become a replica',
      '',
      /it refuses SET: READONLY You can't write/,
      () => admin.replicaof('127.0.0.1', '1'),
      () => admin.replicaof('NO', 'ONE'),
    ],
    [
      'when it has too few replicas',
      '',
      /it refuses SET: NOREPLICAS/,
      () => admin.config('SET', 'min-replicas-to-write', '1'),
      () => admin.config('SET', 'min-replicas-to-write', '0'),
    ],
    [
      'when it cannot save its data',
      'enable-protected-configs yes',
      /it refuses SET: MISCONF/,
      async () => {
        const directory = mkdtempSync(join(testDirectory(), 'snapshots-'));
        await admin.config('SET', 'dir', directory);
        rmSync(directory, { recursive: true });
        await admin.config('SET', 'save', '3600 1');
        await admin.bgsave();
        await eventually(
          async () =>
            (await admin.info('persistence')).includes('rdb_last_bgsave_status:err') || undefined,
        );
      },
      () => admin.config('SET', 'save', ''),
    ],
  ])('%s', async (_, setting, reason, fail, heal) => {
    await start(setting);
    const client = await connect();
    await fail();
    expect(await client.attempt((redis) => redis.set('farmlokal:a', 'b'))).toBeUndefined();
    expect(await client.attempt((redis) => redis.get('farmlokal:a'))).toBeUndefined();
    await expectOutage(reason);
    await heal();
    await expectRecovery();
  });

  it.each([
    ['eval', /lacks a permission \(EVAL: NOPERM/],
    ['unlink', /lacks a permission \(UNLINK: NOPERM/],
    ['incrby', /lacks a permission \(EVAL: ERR The user executing the script can't run/],
    ['get', /lacks a permission \(GET: NOPERM/],
  ])('when the user must not run %s', async (command, reason) => {
    await start();
    await limitUser('~*', '+@all', `-${command}`);
    await connect(asLimited);
    await expectOutage(reason);
    await limitUser('~*', '+@all');
    await eventually(async () => ((await state()).up === 1 ? true : undefined));
  });

  it('when the user loses a permission', async () => {
    await start();
    await limitUser('~*', '+@all');
    const client = await connect(asLimited);
    await limitUser('~*', '+@all', '-eval');
    await client.attempt((redis) => redis.eval('return 1', 1, 'farmlokal:a'));
    expect(await client.attempt((redis) => redis.get('farmlokal:a'))).toBeUndefined();
    await expectOutage(/lacks a permission \(EVAL: NOPERM/);
    await limitUser('~*', '+@all');
    await expectRecovery();
  });

  it('when the user must not use all keys', async () => {
    await start();
    await limitUser('~farmlokal:probe', '+@all');
    const client = await connect(asLimited);
    expect(client.available).toBe(true);
    await client.attempt((redis) => redis.get('farmlokal:a'));
    await expectOutage(/lacks a permission \(GET: NOPERM/);
    await limitUser('~farmlokal:*', '+@all');
    await expectRecovery();
  });

  it.each([
    ['EVAL', /does not have a command that is needed \(EVAL: ERR unknown command/],
    ['INCRBY', /does not have a command that is needed \(EVAL: ERR Unknown Redis command/],
  ])('when the server does not have %s', async (command, reason) => {
    await start(`rename-command ${command} ""`);
    await connect();
    await expectOutage(reason);
  });

  it('when a node of a cluster serves no slots any more', async () => {
    await start(...clusterNode(await bindPort(0)));
    await admin.cluster('ADDSLOTSRANGE', 0, 16_383);
    await clusterIsWell();
    const client = await connect();
    expect(client.available).toBe(true);
    await admin.cluster('FLUSHSLOTS');
    await client.attempt((redis) => redis.get('farmlokal:a'));
    await expectOutage(/node of a Redis Cluster.*\(\w+: CLUSTERDOWN/);
    await admin.cluster('ADDSLOTSRANGE', 0, 16_383);
    await expectRecovery();
  });

  it('when another node of the cluster has one of the keys', async () => {
    await start(...clusterNode(await bindPort(0)));
    const busPort = await bindPort(0);
    other = await startRedis(clusterNode(busPort));
    const otherAdmin = new Redis(other.url);
    const slot = await admin.cluster('KEYSLOT', 'farmlokal:moved');
    await admin.cluster('ADDSLOTSRANGE', 0, slot - 1, slot + 1, 16_383);
    await otherAdmin.cluster('ADDSLOTS', slot);
    otherAdmin.disconnect();
    await admin.call('CLUSTER', 'MEET', '127.0.0.1', other.port, busPort);
    await clusterIsWell();
    const client = await connect();
    expect(client.available).toBe(true);
    expect(await client.attempt((redis) => redis.get('farmlokal:moved'))).toBeUndefined();
    await expectOutage(/node of a Redis Cluster and does not serve all keys \(\w+: MOVED/);
  });

  it.each([
    'ERR max requests limit exceeded. Limit: 500000, Usage: 500001.',
    'ASK 3999 127.0.0.1:6381',
    "CROSSSLOT Keys in request don't hash to the same slot",
    'UNKNOWN an error of a later version',
  ])('after the error reply %s', async (reply) => {
    await start();
    const client = await connect();
    const script = `return redis.error_reply(${JSON.stringify(reply)})`;
    await client.attempt((redis) => redis.eval(script, 0));
    expect(await state()).toMatchObject({
      up: 0,
      refused: 1,
      available: false,
      warnings: [expect.stringContaining(reply)],
    });
    await expectRecovery();
  });
});

it('A new reason in the same outage is logged too', async () => {
  await start('databases 1');
  await connect((url) => {
    url.password = 'wrong password';
    url.pathname = '/1';
  });
  await expectOutage(/WRONGPASS/);
  await admin.config('SET', 'requirepass', 'wrong password');
  await eventually(() => Promise.resolve(warnings.length > 1 || undefined));
  expect(warnings[1]).toMatch(/the database in REDIS_URL does not exist/);
});

it.each<[string, (client: Redis) => Promise<unknown>]>([
  ['a command finds a value of another type', (client) => client.get('farmlokal:list')],
  [
    'a script finds a value of another type',
    (client) => client.eval("return redis.call('get', KEYS[1])", 1, 'farmlokal:list'),
  ],
  [
    'a script increments a text',
    (client) => client.eval("return redis.call('incrby', KEYS[1], 1)", 1, 'farmlokal:text'),
  ],
  ['a counter is full', (client) => client.incrby('farmlokal:counter', 1)],
])('Redis does not count as down when %s', async (_, command) => {
  await start();
  await admin.lpush('farmlokal:list', 'a');
  await admin.mset('farmlokal:text', 'a', 'farmlokal:counter', (2n ** 63n - 1n).toString());
  const client = await connect();
  expect(await client.attempt(command)).toBeUndefined();
  expect(await state()).toEqual(WELL);
});
