import { afterEach, expect, it } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';

import { onFreePort } from '../../dev/free-port.js';
import { httpFetch } from '../support/http.js';
import { eventually } from '../support/eventually.js';

/** More lines than a pipe and its reader can buffer. */
const REQUESTS = 2000;

let running: ChildProcess | undefined;

afterEach(() => {
  running?.kill('SIGKILL');
});

/** Starts the service with this stdout and without dependencies. */
async function start(stdout: number | 'pipe'): Promise<{ url: string; process: ChildProcess }> {
  return await onFreePort(async (port) => {
    running = spawn(process.execPath, ['dist/main.js'], {
      env: {
        HOST: '127.0.0.1',
        PORT: String(port),
        DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/nothing',
        SHUTDOWN_DELAY_MS: '0',
        THROTTLE_LIMIT: '1000000',
      },
      stdio: ['ignore', stdout, 'inherit'],
    });
    const url = `http://127.0.0.1:${port}`;
    await eventually(async () => {
      const alive = await httpFetch(`${url}/health/live`).catch(() => undefined);
      return alive?.status === 200 || undefined;
    }, 30_000);
    return { url, process: running };
  });
}

async function sendRequests(url: string): Promise<void> {
  for (let sent = 0; sent < REQUESTS; sent += 20) {
    const responses = await Promise.all(
      Array.from({ length: 20 }, () => httpFetch(`${url}/health/live`)),
    );
    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
  }
}

it('A log that nobody reads delays neither requests nor the shutdown', async () => {
  const { url, process: service } = await start('pipe');
  await sendRequests(url);
  service.kill('SIGTERM');
  expect(await once(service, 'exit')).toEqual([0, null]);
});

it('A log that cannot be written delays neither requests nor the shutdown', async () => {
  const full = openSync('/dev/full', 'w');
  const { url, process: service } = await start(full);
  closeSync(full);
  await sendRequests(url);
  service.kill('SIGTERM');
  expect(await once(service, 'exit')).toEqual([0, null]);
});

it('The last lines are written before the process ends', async () => {
  const { url, process: service } = await start('pipe');
  let log = '';
  service.stdout?.on('data', (chunk: Buffer) => {
    log += chunk.toString();
  });
  await httpFetch(`${url}/health/ready`, { headers: { 'x-request-id': 'the-last' } });
  service.kill('SIGTERM');
  await once(service, 'close');
  const line = log.split('\n').find((text) => text.includes('the-last')) ?? '';
  expect(JSON.parse(line)).toMatchObject({ context: 'http', status: 503, level: 'warn' });
});
