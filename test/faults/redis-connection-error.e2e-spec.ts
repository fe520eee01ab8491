import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { Registry } from 'prom-client';

import { bindPort } from '../../dev/free-port.js';
import type { RedisServer } from '../../dev/redis-server.js';
import type { Environment } from '../../src/config/environment.js';
import { RedisConnection } from '../../src/redis/redis-connection.js';
import { eventually } from '../support/eventually.js';
import { startRedis } from '../support/redis-server.js';
import { testDirectory } from '../support/test-directory.js';

let warnings: string[];

beforeEach(() => {
  warnings = [];
  const ignore = () => undefined;
  Logger.overrideLogger({
    log: ignore,
    warn: (message: string) => warnings.push(message),
    error: ignore,
  });
});

let server: RedisServer | undefined;

afterEach(async () => {
  await server?.stop();
  server = undefined;
});

/** The first warning about a URL. */
async function warningOf(url: string): Promise<string> {
  const connection = new RedisConnection({ REDIS_URL: url } as Environment, new Registry());
  await connection.onApplicationBootstrap();
  const warning = await eventually(() => Promise.resolve(warnings[0]));
  connection.onApplicationShutdown();
  return warning;
}

describe('The warning about REDIS_URL', () => {
  it.each([
    ['redis://user:hunter2@127.0.0.1:1', '127.0.0.1:1: the connection was refused (ECONNREFUSED)'],
    ['rediss://:hunter2@127.0.0.1:1/2', '127.0.0.1:1: the connection was refused (ECONNREFUSED)'],
    [
      'redis://:hunter2@redis.invalid',
      'redis.invalid:6379: the host name does not exist (ENOTFOUND)',
    ],
  ])('names the server and the cause (%s)', async (url, expected) => {
    expect(await warningOf(url)).toBe(`Continuing without Redis at ${expected}`);
  });

  it('hints at redis:// when the server has no TLS', async () => {
    server = await startRedis();
    expect(await warningOf(server.url.replace('redis:', 'rediss:'))).toBe(
      `Continuing without Redis at 127.0.0.1:${server.port}: the server does not complete the TLS handshake (ETIMEDOUT); if the server does not use TLS, REDIS_URL must start with redis://`,
    );
  });

  it('hints at rediss:// when the server expects TLS', async () => {
    const directory = mkdtempSync(join(testDirectory(), 'tls-'));
    const [key, cert] = [join(directory, 'key'), join(directory, 'cert')];
    const request = ['-subj', '/CN=localhost', '-days', '2', '-newkey', 'rsa:2048', '-nodes'];
    execFileSync('openssl', ['req', '-x509', ...request, '-keyout', key, '-out', cert], {
      stdio: 'pipe',
    });
    const port = await bindPort(0);
    server = await startRedis([
      `tls-port ${port}`,
      `tls-key-file ${key}`,
      `tls-cert-file ${cert}`,
      `tls-ca-cert-file ${cert}`,
    ]);
    const url = new URL(server.url);
    url.port = String(port);
    expect(await warningOf(url.href)).toBe(
      `Continuing without Redis at 127.0.0.1:${port}: the server does not complete the handshake; if it uses TLS, REDIS_URL must start with rediss://`,
    );
  });
});
