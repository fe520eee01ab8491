import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { accessSync, closeSync, constants, existsSync, openSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { delimiter, join } from 'node:path';

import { onFreePort } from './free-port.js';
import { followLog } from './log-file.js';
import { ManagedProcess } from './managed-process.js';

/** Where a Redis writes, and how much it may hold. */
export interface RedisOptions {
  /** Takes its configuration, which holds its password. */
  directory: string;
  log: string;
  maxMemory?: string;
  /** More lines of its configuration. */
  settings?: readonly string[];
}

/** A Redis (or Valkey) on a free port of 127.0.0.1 that keeps nothing on disk. It never outlives this process. */
export class RedisServer {
  private constructor(
    readonly port: number,
    /** With the password, which is new at every start. */
    readonly url: string,
    private readonly launch: () => Promise<ManagedProcess>,
    private server: ManagedProcess,
  ) {}

  /** Starts the executable that `findRedis` gave. */
  static async start(executable: string, options: RedisOptions): Promise<RedisServer> {
    const password = randomBytes(16).toString('hex');
    return await onFreePort(async (port) => {
      const launch = () => launchRedis(executable, options, port, password);
      return new RedisServer(
        port,
        `redis://:${password}@127.0.0.1:${port}`,
        launch,
        await launch(),
      );
    });
  }

  get pid(): number {
    return this.server.pid;
  }

  /** Ends it at once, as a crash would; what it held is gone. */
  async kill(): Promise<void> {
    await this.server.signal('SIGKILL');
    await this.server.finished();
  }

  /** Starts it again, empty, on the same port, after `kill` or `stop`. */
  async restart(): Promise<void> {
    await this.stop();
    this.server = await this.launch();
  }

  /** Freezes it: connections stay open and nothing answers. */
  async pause(): Promise<void> {
    await this.server.signal('SIGSTOP');
  }

  /** Lets it go on after `pause`. */
  async resume(): Promise<void> {
    await this.server.signal('SIGCONT');
  }

  /** Ends it in order. */
  async stop(): Promise<void> {
    await this.server.stop();
  }
}

/** The path of a Redis on the PATH, if there is one. */
export function findRedis(): string | undefined {
  for (const name of ['redis-server', 'valkey-server']) {
    for (const directory of (process.env.PATH ?? '').split(delimiter)) {
      const path = join(directory, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Look on.
      }
    }
  }
  return undefined;
}

/**
 * Installs Redis where that needs no asking: as root, on a system with apt-get. Its service is kept
 * from starting, now and at the next boot: this project starts a server of its own.
 */
export async function installRedis(
  log: string,
  announce: (line: string) => void,
): Promise<string | undefined> {
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) return undefined;
  announce('No redis-server on the PATH: installing it with apt-get');
  const output = openSync(log, 'a');
  // Neither Ctrl-C nor this process's end may leave half a package.
  const installation = spawn('sh', ['-c', INSTALL], {
    detached: true,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  const [code] = (await once(installation, 'exit')) as [number | null];
  if (code !== 0) announce(`apt-get failed: see ${log}`);
  return findRedis();
}

const INSTALL = `
set -e
if dpkg-query -W -f '\${db:Status-Status}' redis-server 2>/dev/null | grep -qx installed; then exit 0; fi
policy=/usr/sbin/policy-rc.d
restore() {
  rm -f $policy
  if [ -e $policy.before-redis ]; then mv $policy.before-redis $policy; fi
}
apt-get update -q
if [ -e $policy ] && [ ! -e $policy.before-redis ]; then mv $policy $policy.before-redis; fi
trap restore EXIT
printf '#!/bin/sh\\nexit 101\\n' > $policy
chmod 755 $policy
apt-get install -q -y --no-install-recommends redis-server
update-rc.d redis-server disable
`;

async function launchRedis(
  executable: string,
  { directory, log, maxMemory, settings = [] }: RedisOptions,
  port: number,
  password: string,
): Promise<ManagedProcess> {
  const configuration = join(directory, `redis-${port}.conf`);
  // A file, not arguments: those are for everyone on the machine to see.
  writeFileSync(
    configuration,
    [
      `port ${port}`,
      'bind 127.0.0.1',
      `requirepass ${password}`,
      'save ""',
      'appendonly no',
      ...(maxMemory ? [`maxmemory ${maxMemory}`, 'maxmemory-policy allkeys-lru'] : []),
      ...settings,
    ].join('\n'),
    { mode: 0o600 },
  );
  const output = followLog(log);
  const server = await ManagedProcess.start({
    command: executable,
    args: [configuration],
    cwd: directory,
    env: {},
    log,
    remove: configuration,
  });
  // No other server that may sit on the port knows the password.
  if (await server.readyWithin(10_000, () => accepts(port, password))) return server;
  throw new Error(`Redis did not start:\n${output()}`);
}

async function accepts(port: number, password: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`AUTH ${password}\r\n`));
    socket.setTimeout(1_000);
    socket.once('data', (reply) => {
      resolve(reply.toString().startsWith('+OK'));
      socket.destroy();
    });
    socket.once('timeout', () => socket.destroy());
    socket.once('error', () => undefined);
    socket.once('close', () => {
      resolve(false);
    });
  });
}
