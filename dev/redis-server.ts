import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { accessSync, closeSync, constants, existsSync, openSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { delimiter, join } from 'node:path';

import { onFreePort } from './free-port.js';
import { followLog } from './log-file.js';
import { ManagedProcess } from './managed-process.js';

/** Where a Redis server writes, and its settings. */
export interface RedisOptions {
  /** Directory for the configuration file. */
  directory: string;
  log: string;
  /** The `maxmemory` setting, with `allkeys-lru`; no limit by default. */
  maxMemory?: string;
  /** Additional lines for the configuration file. */
  settings?: readonly string[];
}

/** A Redis or Valkey server on a free port of 127.0.0.1, without persistence. It ends when this process ends. */
export class RedisServer {
  private constructor(
    readonly port: number,
    /** Includes the password, which is random at each start. */
    readonly url: string,
    private readonly launch: () => Promise<ManagedProcess>,
    private server: ManagedProcess,
  ) {}

  /** @param executable from `findRedis` */
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

  /** Kills the server as a crash would. Its data is lost. */
  async kill(): Promise<void> {
    await this.server.signal('SIGKILL');
    await this.server.finished();
  }

  /** Starts the server again, empty, on the same port. */
  async restart(): Promise<void> {
    await this.stop();
    this.server = await this.launch();
  }

  /** Pauses the server: connections stay open, but it does not respond. */
  async pause(): Promise<void> {
    await this.server.signal('SIGSTOP');
  }

  /** Continues after `pause`. */
  async resume(): Promise<void> {
    await this.server.signal('SIGCONT');
  }

  /** Stops the server. */
  async stop(): Promise<void> {
    await this.server.stop();
  }
}

/** Finds `redis-server` or `valkey-server` on the PATH. */
export function findRedis(): string | undefined {
  for (const name of ['redis-server', 'valkey-server']) {
    for (const directory of (process.env.PATH ?? '').split(delimiter)) {
      const path = join(directory, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Try the next directory.
      }
    }
  }
  return undefined;
}

/**
 * Installs Redis with apt-get, when this process is root on a Debian system. Disables the package's service,
 * because this project starts its own server. Returns the executable; undefined when there is none.
 */
export async function installRedis(
  log: string,
  announce: (line: string) => void,
): Promise<string | undefined> {
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) return undefined;
  announce('No redis-server on the PATH; installing it with apt-get');
  const output = openSync(log, 'a');
  // Detached, so that Ctrl-C does not leave the package half installed.
  const installation = spawn('sh', ['-c', INSTALL], {
    detached: true,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  const [code] = (await once(installation, 'exit')) as [number | null];
  if (code !== 0) announce(`apt-get failed; see ${log}`);
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
  // Arguments would show the password to every user of the machine.
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
  // Another server on this port would reject the password.
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
