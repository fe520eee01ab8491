import { describe, expect, it } from '@jest/globals';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

import { eventually } from './support/eventually.js';
import { copyOfTemplate } from './support/postgres-server.js';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** What the servers' owner in the first spec says of them. */
interface Servers {
  pids: number[];
  ports: number[];
  directory: string;
}

function startNode(
  args: string[],
  env: NodeJS.ProcessEnv = {},
): ChildProcessByStdio<null, Readable, Readable> {
  return spawn(process.execPath, ['--import', 'tsx', ...args], {
    cwd: ROOT,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const connected = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return connected;
}

async function isLeft({ pids, ports, directory }: Servers): Promise<boolean> {
  if (existsSync(directory) || pids.some(isAlive)) return true;
  return (await Promise.all(ports.map(isListening))).includes(true);
}

describe('the servers of npm run dev and of the tests', () => {
  it('are gone, frozen or not, when their owner has been killed', async () => {
    const program = `
      import { PostgresServer } from './dev/postgres-server.ts';
      import { findRedis, RedisServer } from './dev/redis-server.ts';
      import { makeTemporaryDirectory } from './dev/temporary-directory.ts';

      const { path } = await makeTemporaryDirectory();
      const running = await PostgresServer.start(${JSON.stringify(copyOfTemplate())});
      const frozen = await PostgresServer.start(${JSON.stringify(copyOfTemplate())});
      await frozen.pause();
      const redis = await RedisServer.start(findRedis(), { directory: path, log: path + '/log' });
      const servers = [running, frozen, redis];
      console.log(JSON.stringify({
        pids: servers.map((server) => server.pid),
        ports: servers.map((server) => server.port),
        directory: path,
      }));
      setInterval(() => {}, 1000);
    `;
    const owner = startNode(['--input-type=module', '--eval', program]);
    const [said] = (await once(owner.stdout, 'data')) as [Buffer];
    const servers = JSON.parse(said.toString()) as Servers;
    expect(servers.pids.map(isAlive)).toEqual([true, true, true]);

    owner.kill('SIGKILL');

    await eventually(async () => ((await isLeft(servers)) ? undefined : 'gone'));
    expect(servers.pids.map(isAlive)).toEqual([false, false, false]);
  });
});

describe('npm run dev', () => {
  it('says which port is taken and how to choose another, and ends', async () => {
    const occupant = createServer().listen(0, '127.0.0.1');
    await once(occupant, 'listening');
    const address = occupant.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;

    const dev = startNode(['dev/dev.ts'], { PORT: String(port) });
    const closed = once(dev, 'close');
    const errors = await dev.stderr.setEncoding('utf8').toArray();
    const [code] = (await closed) as [number];
    occupant.close();

    expect(code).toBe(1);
    expect(errors.join('')).toMatch(new RegExp(`^Port ${port} is taken.*PORT=\\d+ npm run dev\n$`));
  });

  it('refuses a port that is none', async () => {
    const dev = startNode(['dev/dev.ts'], { PORT: 'http' });
    const closed = once(dev, 'close');
    const errors = await dev.stderr.setEncoding('utf8').toArray();
    const [code] = (await closed) as [number];

    expect(code).toBe(1);
    expect(errors.join('')).toBe('PORT must be an integer from 1 to 65535, not "http"\n');
  });
});
