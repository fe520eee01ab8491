import { describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { makeTemporaryDirectory } from '../../dev/temporary-directory.js';
import { httpFetch } from '../support/http.js';
import { eventually } from '../support/eventually.js';
import { type Service, startService } from '../support/service.js';

interface Line {
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

/** Nothing has to listen here: the service starts without PostgreSQL. */
const DATABASE_URL = 'postgresql://farmlokal:hunter2@127.0.0.1:1/none';

function lines({ logs }: Service): Line[] {
  return logs()
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line) as Line);
}

/** The first line whose message matches. */
async function lineOf(service: Service, message: RegExp): Promise<Line> {
  return await eventually(() =>
    Promise.resolve(lines(service).find((line) => message.test(line.message))),
  );
}

function portOf({ url }: Service): string {
  return new URL(url).port;
}

describe('The log of a start', () => {
  it('has one line with the version and the settings, without secrets', async () => {
    const service = await startService({
      DATABASE_URL,
      METRICS_TOKEN: 'hunter2hunter2',
      CACHE_TTL_MS: '4321',
    });
    const line = await lineOf(service, /^Starting farmlokal /);
    expect(line).toMatchObject({
      level: 'info',
      message: expect.stringMatching(/^Starting farmlokal \d+\.\d+\.\d+ on Node\.js v\d+\./),
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      node: process.version,
      settings: {
        PORT: Number(portOf(service)),
        DATABASE_URL: '127.0.0.1:1/none',
        REDIS_URL: 'unset',
        METRICS_TOKEN: 'set',
        CACHE_TTL_MS: 4321,
      },
    });
    await service.stop();
    expect(service.logs()).not.toContain('hunter2');
  });

  it('has the same line in development', async () => {
    const service = await startService({
      DATABASE_URL,
      NODE_ENV: 'development',
    });
    await service.stop();
    expect(service.logs()).toMatch(
      /Starting farmlokal \d.* on Node\.js v\d.*DATABASE_URL: '127\.0\.0\.1:1\/none'/,
    );
    expect(service.logs()).not.toContain('hunter2');
  });

  it.each([
    ['0.0.0.0', '0.0.0.0'],
    ['127.0.0.1', '127.0.0.1'],
  ])('shows the address that HOST=%s is bound to', async (HOST, shown) => {
    const service = await startService({ DATABASE_URL, HOST });
    const line = await lineOf(service, /^Listening on /);
    expect(line.message).toBe(`Listening on ${shown}:${portOf(service)}.`);
    await service.stop();
  });
});

describe('The log of a stop', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'has lines for %s, the end of draining, and the exit code',
    async (signal) => {
      const service = await startService({ DATABASE_URL, SHUTDOWN_DELAY_MS: '200' });
      await service.kill(signal);
      expect(await service.exited()).toBe(0);
      const messages = lines(service).map(({ message }) => message);
      expect(messages.filter((message) => /^(Shutting|Draining|Stopped)/.test(message))).toEqual([
        `Shutting down: ${signal}. Requests are answered for another 200 ms.`,
        'Draining has ended. The server closes after the requests in flight.',
        'Stopped: exit code 0.',
      ]);
      expect(messages.at(-1)).toBe('Stopped: exit code 0.');
    },
  );
});

describe('Draining', () => {
  it('closes each connection after its next response', async () => {
    const service = await startService({ DATABASE_URL, SHUTDOWN_DELAY_MS: '2000' });
    const connection = async () =>
      (await httpFetch(`${service.url}/health/ready`)).headers.get('connection');
    expect(await connection()).toBe('keep-alive');
    await service.kill('SIGTERM');
    await lineOf(service, /^Shutting down/);
    expect(await connection()).toBe('close');
    expect(await service.exited()).toBe(0);
  });
});

describe('A .env file', () => {
  /** Starts the service with this file and no variables, and returns the error. */
  async function errorOf(content: string | Buffer): Promise<string> {
    const directory = await makeTemporaryDirectory();
    writeFileSync(join(directory.path, '.env'), content);
    const { status, stderr } = spawnSync(process.execPath, [resolve('dist/main.js')], {
      cwd: directory.path,
      env: {},
      encoding: 'utf8',
    });
    await directory.remove();
    expect(status).toBe(1);
    return stderr;
  }

  it.each([
    ['with a byte order mark', `\uFEFFPORT=http\nDATABASE_URL=${DATABASE_URL}\n`],
    ['with CRLF', `PORT=http\r\nDATABASE_URL=${DATABASE_URL}\r\n`],
  ])('%s is read completely', async (_, content) => {
    expect(await errorOf(content)).toBe(
      'The environment is not valid:\n  PORT: got "http", expected an integer from 0 to 65535\n',
    );
  });

  it('in UTF-16 fails the start with one sentence', async () => {
    const content = Buffer.from(`\uFEFFDATABASE_URL=${DATABASE_URL}\n`, 'utf16le');
    expect(await errorOf(content)).toBe(
      'The environment is not valid:\n  .env: is not UTF-8 text; save it as UTF-8\n',
    );
  });
});
