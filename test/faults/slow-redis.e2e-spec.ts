import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { Registry } from 'prom-client';

import type { RedisServer } from '../../dev/redis-server.js';
import type { Environment } from '../../src/config/environment.js';
import { RedisConnection } from '../../src/redis/redis-connection.js';
import { eventually } from '../support/eventually.js';
import { startRedis } from '../support/redis-server.js';

let redis: RedisServer;
let registry: Registry;
let connection: RedisConnection;

beforeAll(async () => {
  Logger.overrideLogger(false);
  redis = await startRedis();
});

beforeEach(async () => {
  registry = new Registry();
  connection = new RedisConnection({ REDIS_URL: redis.url } as Environment, registry);
  await connection.onApplicationBootstrap();
});

afterEach(async () => {
  connection.onApplicationShutdown();
  await redis.resume();
});

afterAll(async () => {
  await redis.stop();
});

/** Blocks the connection in Redis for so many seconds. */
function occupy(seconds: number): Promise<unknown> {
  return connection.attempt((client) => client.blpop('farmlokal:nothing', seconds));
}

function get(options = {}): Promise<string | null | undefined> {
  return connection.attempt((client) => client.get('farmlokal:nothing'), options);
}

function metric(name: string): Promise<string> {
  return registry.getSingleMetricAsString(name);
}

function block(milliseconds: number): void {
  const until = performance.now() + milliseconds;
  while (performance.now() < until);
}

describe(RedisConnection.name, () => {
  it.each([60, 300, 1000])(
    'reads replies after the event loop was blocked for %d ms',
    async (ms) => {
      const replies = Promise.all(Array.from({ length: 250 }, () => get()));
      block(ms);
      expect(new Set(await replies)).toEqual(new Set([null]));
      expect(connection.available).toBe(true);
      expect(await metric('farmlokal_redis_failures_total')).not.toContain('timeout');
    },
  );

  it('abandons a slow command and stays available for the next', async () => {
    expect(await occupy(0.1)).toBeUndefined();
    expect(connection.available).toBe(true);
    await eventually(async () => ((await get()) === null ? true : undefined));
    expect(connection.available).toBe(true);
    expect(await metric('farmlokal_redis_up')).toContain('farmlokal_redis_up 1');
    expect(await metric('farmlokal_redis_failures_total')).toContain('{reason="timeout"} ');
  });

  it('suspends a Redis that does not answer a probe, and uses it again once it does', async () => {
    await redis.pause();
    expect(await get()).toBeUndefined();
    await eventually(() => Promise.resolve(connection.available ? undefined : true));
    expect(await metric('farmlokal_redis_up')).toContain('farmlokal_redis_up 0');
    await redis.resume();
    await eventually(() => Promise.resolve(connection.available || undefined));
    expect(await get()).toBeNull();
    expect(await metric('farmlokal_redis_up')).toContain('farmlokal_redis_up 1');
  });

  it('replaces an unresponsive connection once, however many commands wait for it', async () => {
    let client: Redis | undefined;
    await connection.attempt((connected) => (client = connected).ping());
    if (client === undefined) throw new Error('Redis is not connected.');
    const { stream } = client;
    const listeners = stream.listenerCount('close');
    await redis.pause();
    await Promise.all(Array.from({ length: 250 }, () => get({ timeoutMs: 60_000, patient: true })));
    // ioredis adds a listener for each call of disconnect.
    expect(stream.listenerCount('close')).toBeLessThanOrEqual(listeners + 1);
    await redis.resume();
  });

  it('has a patient command wait for a slow Redis', async () => {
    void occupy(0.6);
    expect(await get({ timeoutMs: 3000, patient: true })).toBeNull();
  });

  it('has a patient command wait for the first connection', async () => {
    const other = new RedisConnection({ REDIS_URL: redis.url } as Environment, new Registry());
    const started = other.onApplicationBootstrap();
    const replies = [{ timeoutMs: 3000, patient: true }, {}].map((options) =>
      other.attempt((client) => client.ping(), options),
    );
    expect(await Promise.all(replies)).toEqual(['PONG', undefined]);
    await started;
    other.onApplicationShutdown();
  });

  it('has a patient command wait for the connection after READONLY', async () => {
    await connection.attempt((client) => client.replicaof('127.0.0.1', '1'));
    expect(await connection.attempt((client) => client.set('greeting', 'hello'))).toBeUndefined();
    const replies = [get({ timeoutMs: 3000, patient: true }), get()];
    expect(await Promise.all(replies)).toEqual([null, undefined]);
    const promoted = await connection.attempt((client) => client.replicaof('NO', 'ONE'), {
      timeoutMs: 3000,
      patient: true,
    });
    expect(promoted).toBe('OK');
  });

  it('gives up a patient command when Redis answers no probe', async () => {
    await redis.pause();
    expect(await get({ timeoutMs: 60_000, patient: true })).toBeUndefined();
    expect(connection.available).toBe(false);
  });
});
