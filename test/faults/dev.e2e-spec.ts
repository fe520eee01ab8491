import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  renameSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { Agent, get } from 'node:http';
import { connect, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

import { Compiler, isSource } from '../../dev/compiler.js';
import { bindPort } from '../../dev/free-port.js';
import { ReloadingService } from '../../dev/reloading-service.js';
import { makeTemporaryDirectory, type TemporaryDirectory } from '../../dev/temporary-directory.js';
import { eventually } from '../support/eventually.js';
import { copyOfTemplate } from '../support/postgres-server.js';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** The output of the program in the first test. */
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

async function isAnyLeft({ pids, ports, directory }: Servers): Promise<boolean> {
  if (existsSync(directory) || pids.some(isAlive)) return true;
  return (await Promise.all(ports.map(isListening))).includes(true);
}

describe('the servers of npm run dev and of the tests', () => {
  it('end when the process that started them is killed, even when they are paused', async () => {
    const program = `
      import { PostgresServer } from './dev/postgres-server.ts';
      import { findRedis, RedisServer } from './dev/redis-server.ts';
      import { makeTemporaryDirectory } from './dev/temporary-directory.ts';

      const { path } = await makeTemporaryDirectory();
      const running = await PostgresServer.start(${JSON.stringify(copyOfTemplate())});
      const paused = await PostgresServer.start(${JSON.stringify(copyOfTemplate())});
      await paused.pause();
      const redis = await RedisServer.start(findRedis(), { directory: path, log: path + '/log' });
      const servers = [running, paused, redis];
      console.log(JSON.stringify({
        pids: servers.map((server) => server.pid),
        ports: servers.map((server) => server.port),
        directory: path,
      }));
      setInterval(() => {}, 1000);
    `;
    const owner = startNode(['--input-type=module', '--eval', program]);
    const [output] = (await once(owner.stdout, 'data')) as [Buffer];
    const servers = JSON.parse(output.toString()) as Servers;
    expect(servers.pids.map(isAlive)).toEqual([true, true, true]);

    owner.kill('SIGKILL');

    await eventually(async () => ((await isAnyLeft(servers)) ? undefined : 'gone'));
    expect(servers.pids.map(isAlive)).toEqual([false, false, false]);
  });
});

describe('npm run dev', () => {
  it('exits with a message about another port when PORT is in use', async () => {
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
    expect(errors.join('')).toMatch(
      new RegExp(`^Port ${port} is in use.*PORT=\\d+ npm run dev\n$`),
    );
  });

  it('rejects an invalid PORT', async () => {
    const dev = startNode(['dev/dev.ts'], { PORT: 'http' });
    const closed = once(dev, 'close');
    const errors = await dev.stderr.setEncoding('utf8').toArray();
    const [code] = (await closed) as [number];

    expect(code).toBe(1);
    expect(errors.join('')).toBe('PORT must be an integer from 1 to 65535, not "http"\n');
  });
});

/** A service that responds with a word, after a second on /slow, and drains as the real service does. */
const MAIN = `
  import { createServer } from 'node:http';
  import { setTimeout as sleep } from 'node:timers/promises';
  import { WORD } from './word.js';

  let draining = false;
  const server = createServer(async (request, response) => {
    if (request.url === '/slow') await sleep(1000);
    if (draining) response.setHeader('connection', 'close');
    response.end(WORD);
  });
  server.listen(Number(process.env.PORT), '127.0.0.1');
  process.once('SIGTERM', async () => {
    draining = true;
    await sleep(300);
    server.close();
  });
`;

/** Returns the response body, and the client's port of its connection. */
async function getText(url: string, agent: Agent): Promise<{ text: string; port: number }> {
  return await new Promise((resolve, reject) => {
    get(url, { agent }, (response) => {
      const port = response.socket.localPort ?? 0;
      response.toArray().then((chunks: Buffer[]) => {
        resolve({ text: Buffer.concat(chunks).toString(), port });
      }, reject);
    }).on('error', reject);
  });
}

/** The processes whose working directory this is. */
function pidsIn(directory: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/cwd`) === directory;
    } catch {
      return false;
    }
  });
}

describe(ReloadingService.name, () => {
  let directory: TemporaryDirectory;
  let service: ReloadingService;
  let url: string;
  let logged: string[];
  /** Runs just before a process starts. */
  let onLaunch: () => void;
  /** Uses one keep-alive connection. */
  let agent: Agent;

  beforeEach(async () => {
    directory = await makeTemporaryDirectory();
    const { path } = directory;
    mkdirSync(join(path, 'src'));
    mkdirSync(join(path, 'migrations'));
    copyFileSync(join(ROOT, '.swcrc'), join(path, '.swcrc'));
    symlinkSync(join(ROOT, 'node_modules'), join(path, 'node_modules'));
    writeFileSync(join(path, 'package.json'), '{"type":"module"}');
    save('src/main.ts', MAIN);
    save('src/word.ts', word('one'));
    const compiler = new Compiler(path);
    await compiler.compile();
    logged = [];
    onLaunch = () => undefined;
    agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const port = await bindPort(0);
    url = `http://127.0.0.1:${port}/`;
    service = new ReloadingService({
      directories: [join(path, 'src'), join(path, 'migrations')],
      isSource,
      rebuild: () => compiler.compile(),
      command: (own) => {
        onLaunch();
        return {
          command: process.execPath,
          args: ['dist/main.js'],
          cwd: path,
          env: { PORT: String(own) },
          log: join(path, 'log'),
        };
      },
      host: '127.0.0.1',
      port,
      log: (line) => logged.push(line),
    });
    await service.start();
  });

  afterEach(async () => {
    agent.destroy();
    await service.stop();
    await directory.remove();
  });

  function word(text: string): string {
    return `export const WORD: string = '${text}';\n`;
  }

  function save(file: string, content: string): void {
    writeFileSync(join(directory.path, file), content);
  }

  /** Replaces a file, as `sed -i` and `git checkout` do. */
  function replace(file: string, content: string): void {
    save(`${file}.new`, content);
    renameSync(join(directory.path, `${file}.new`), join(directory.path, file));
  }

  /** Waits for this response. Until then every request has to succeed. */
  async function responds(expected: string): Promise<void> {
    await eventually(
      async () => ((await getText(url, agent)).text === expected ? true : undefined),
      30_000,
    );
  }

  /** Waits until one process is left. */
  async function retired(): Promise<void> {
    await eventually(() => Promise.resolve(pidsIn(directory.path).length === 1 || undefined));
  }

  async function logs(pattern: RegExp): Promise<string> {
    return await eventually(
      () => Promise.resolve(logged.find((line) => pattern.test(line))),
      30_000,
    );
  }

  it('serves every change of a replaced file, and fails no request', async () => {
    for (const text of ['two', 'three', 'four', 'five']) {
      replace('src/word.ts', word(text));
      await responds(text);
    }
    expect(logged.filter((line) => line.startsWith('Changed: src/word.ts'))).toHaveLength(4);
  });

  it('serves changes in a new directory, and after its removal', async () => {
    mkdirSync(join(directory.path, 'src/words/more'), { recursive: true });
    save('src/words/more/two.ts', word('two'));
    replace('src/word.ts', `export { WORD } from './words/more/two.js';\n`);
    await responds('two');
    save('src/words/more/two.ts', word('three'));
    await responds('three');

    rmSync(join(directory.path, 'src/words'), { recursive: true });
    replace('src/word.ts', word('four'));
    await responds('four');
    expect(readdirSync(join(directory.path, 'dist'), { recursive: true })).not.toContain(
      'words/more/two.js',
    );
  });

  it('finishes requests in flight, and serves the new code on an idle connection', async () => {
    const idle = await getText(url, agent);
    const other = new Agent({ keepAlive: true });
    const slow = getText(`${url}slow`, other);
    replace('src/word.ts', word('two'));
    expect((await slow).text).toBe('one');
    other.destroy();
    await logs(/^Reloaded in \d+\.\d s$/);
    await retired();
    expect(await getText(url, agent)).toEqual({ text: 'two', port: idle.port });
  });

  it('reloads once for many saves', async () => {
    for (let nth = 1; nth <= 20; nth += 1) save('src/word.ts', word(String(nth)));
    await responds('20');
    expect(logged.filter((line) => line.startsWith('Reloaded')).length).toBeLessThan(4);
  });

  it('serves a change after a build has replaced an output', async () => {
    // A bundle contains every source, so it does not import the changed one.
    save(
      'dist/main.js',
      MAIN.replace("import { WORD } from './word.js';", "const WORD = 'bundle';"),
    );
    replace('src/word.ts', word('two'));
    await responds('two');
  });

  it('keeps serving the old code when the new code does not compile', async () => {
    replace('src/word.ts', 'export const WORD = ;\n');
    expect(await logs(/does not compile/)).toMatch(
      /^src\/word\.ts does not compile\n.*Expression expected[^]*word\.ts:1:[^]*Waiting for a change$/,
    );
    await responds('one');
    replace('src/word.ts', word('two'));
    await responds('two');
  });

  it('keeps serving the old code when the new code does not start', async () => {
    replace('src/word.ts', `throw new Error('broken');\n${word('two')}`);
    await logs(/^The service did not start; the previous process keeps serving/);
    await responds('one');
    replace('src/word.ts', word('three'));
    await responds('three');
  });

  it('stops while a process that never becomes ready is starting', async () => {
    const stopped = new Promise<void>((resolve) => {
      onLaunch = () => {
        resolve(service.stop());
      };
    });
    replace('src/main.ts', 'setInterval(() => undefined, 1000);\n');
    await stopped;
    expect(pidsIn(directory.path)).toEqual([]);
  });

  it('serves a change that is made while a process that never becomes ready is starting', async () => {
    const launched = new Promise<void>((resolve) => {
      onLaunch = resolve;
    });
    replace('src/main.ts', 'setInterval(() => undefined, 1000);\n');
    await launched;
    replace('src/word.ts', word('two'));
    replace('src/main.ts', MAIN);
    await responds('two');
  });
});
