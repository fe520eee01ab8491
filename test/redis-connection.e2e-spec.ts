import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { Registry } from 'prom-client';

import type { Environment } from '../src/config/environment.js';
import { RedisConnection } from '../src/redis/redis-connection.js';
import type { RedisServer } from '../dev/redis-server.js';
import { startRedis } from './support/redis-server.js';

let redis: RedisServer;
let relay: Server;
let connection: RedisConnection;
/** What has come from the service, as it came. */
const writes: string[] = [];

beforeAll(async () => {
  redis = await startRedis();
  relay = createServer((client) => {
    client.on('data', (bytes) => writes.push(bytes.toString()));
    client.pipe(connect(Number(new URL(redis.url).port), '127.0.0.1')).pipe(client);
  });
  await once(relay.listen(0, '127.0.0.1'), 'listening');
  const url = new URL(redis.url);
  url.port = String((relay.address() as AddressInfo).port);
  connection = new RedisConnection({ REDIS_URL: url.href } as Environment, new Registry());
  await connection.onApplicationBootstrap();
});

afterAll(async () => {
  connection.onApplicationShutdown();
  await once(relay.close(), 'close');
  await redis.stop();
});

describe(RedisConnection.name, () => {
  it('sends what is asked for in one turn of the event loop in one write', async () => {
    writes.length = 0;
    const answers = await Promise.all([
      connection.attempt((client) => client.set('greeting', 'hello')),
      Promise.resolve().then(() => connection.attempt((client) => client.get('greeting'))),
      connection.attempt((client) => client.del('greeting')),
    ]);
    expect(answers).toEqual(['OK', null, 1]);
    expect(writes).toHaveLength(1);
  });
});
