import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Socket } from 'node:net';
import { Registry } from 'prom-client';

import type { RedisServer } from '../dev/redis-server.js';
import type { Environment } from '../src/config/environment.js';
import { RedisConnection } from '../src/redis/redis-connection.js';
import { startRedis } from './support/redis-server.js';

let redis: RedisServer;
let connection: RedisConnection;

beforeAll(async () => {
  Logger.overrideLogger(false);
  redis = await startRedis();
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
  it('sends what is asked for in one turn of the event loop in one write', async () => {
    const writes = [
      jest.spyOn(Socket.prototype, '_write'),
      jest.spyOn(Socket.prototype as Required<Socket>, '_writev'),
    ];
    const answers = await Promise.all([
      connection.attempt((client) => client.set('greeting', 'hello')),
      Promise.resolve().then(() => connection.attempt((client) => client.get('greeting'))),
      connection.attempt((client) => client.append('greeting', '!')),
    ]);
    expect(answers).toEqual(['OK', 'hello!', 6]);
    const toRedis = writes
      .flatMap(({ mock }) => mock.contexts as Socket[])
      .filter(({ remotePort }) => String(remotePort) === new URL(redis.url).port);
    expect(toRedis).toHaveLength(1);
  });
});
