import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { lookup } from 'node:dns/promises';
import { Socket } from 'node:net';
import { Registry } from 'prom-client';

import type { RedisServer } from '../../dev/redis-server.js';
import type { Environment } from '../../src/config/environment.js';
import { RedisConnection } from '../../src/redis/redis-connection.js';
import { startRedis } from '../support/redis-server.js';

let redis: RedisServer;
let connection: RedisConnection;

beforeAll(async () => {
  Logger.overrideLogger(false);
  redis = await startRedis(['bind 127.0.0.1 -::1']);
  connection = new RedisConnection({ REDIS_URL: redis.url } as Environment, new Registry());
  await connection.onApplicationBootstrap();
});

afterEach(() => {
  jest.restoreAllMocks();
});

afterAll(async () => {
  connection.onApplicationShutdown();
  await redis.stop();
});

describe(RedisConnection.name, () => {
  it('sends all commands of one turn of the event loop in one write', async () => {
    const writes = [
      jest.spyOn(Socket.prototype, '_write'),
      jest.spyOn(Socket.prototype as Required<Socket>, '_writev'),
    ];
    const responses = await Promise.all([
      connection.attempt((client) => client.set('greeting', 'hello')),
      Promise.resolve().then(() => connection.attempt((client) => client.get('greeting'))),
      connection.attempt((client) => client.append('greeting', '!')),
    ]);
    expect(responses).toEqual(['OK', 'hello!', 6]);
    const toRedis = writes
      .flatMap(({ mock }) => mock.contexts as Socket[])
      .filter(({ remotePort }) => String(remotePort) === new URL(redis.url).port);
    expect(toRedis).toHaveLength(1);
  });

  it.each([4, 6])('connects over IPv%d when the URL has that family', async (family) => {
    const known = await lookup('localhost', { family }).catch(() => undefined);
    const url = new URL(`?family=${family}`, redis.url);
    url.hostname = 'localhost';
    const other = new RedisConnection({ REDIS_URL: url.href } as Environment, new Registry());
    await other.onApplicationBootstrap();
    const client = await other.attempt((ioredis) => ioredis.client('INFO'));
    const server = family === 6 ? `[::1]:${redis.port}` : `127.0.0.1:${redis.port}`;
    expect(client).toEqual(known && expect.stringContaining(` laddr=${server} `));
    other.onApplicationShutdown();
  });
});
