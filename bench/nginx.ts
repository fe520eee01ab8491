import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { onFreePort } from '../dev/free-port.js';
import { ManagedProcess } from '../dev/managed-process.js';
import { findExecutable } from './executable.js';
import { TestbedError } from './testbed.js';

const READY_MS = 10_000;

/** A request that nginx has passed on. */
export interface Passed {
  readonly method: string;
  /** What each replica that it was sent to answered, in order; 502 and 504 stand for no answer. */
  readonly statuses: readonly number[];
}

/** An nginx with its own defaults, but for connections to the replicas that it keeps, in front of some replicas. */
export class Nginx {
  private constructor(
    readonly url: string,
    private readonly port: number,
    private readonly directory: string,
    private readonly process: ManagedProcess,
  ) {}

  /** @throws TestbedError when there is none on this machine. */
  static async start(replicas: readonly string[]): Promise<Nginx> {
    const executable = findExecutable('nginx', 'nginx-light');
    return await onFreePort(async (port) => {
      const directory = mkdtempSync(join(tmpdir(), 'nginx-'));
      configure(directory, port, replicas);
      const log = join(directory, 'error.log');
      const nginx = await ManagedProcess.start({
        command: executable,
        args: ['-p', directory, '-c', 'nginx.conf', '-e', log],
        log,
        remove: directory,
      });
      const url = `http://127.0.0.1:${port}`;
      const ready = await nginx.readyWithin(READY_MS, async () => {
        const response = await fetch(`${url}/health/live`).catch(() => undefined);
        return response?.ok === true;
      });
      if (!ready) {
        throw new TestbedError('nginx does not pass requests on.');
      }
      return new Nginx(url, port, directory, nginx);
    });
  }

  /** Sends requests to these replicas from now on; those that are under way are finished. */
  async passTo(replicas: readonly string[]): Promise<void> {
    configure(this.directory, this.port, replicas);
    await this.process.signal('SIGHUP');
  }

  /** What it has written down of the requests so far. */
  passed(): Passed[] {
    const lines = readFileSync(join(this.directory, 'access.log'), 'utf8').trim().split('\n');
    return lines.map((line) => {
      const [method = '', ...statuses] = line.split(/,? /);
      return { method, statuses: statuses.map(Number) };
    });
  }

  async stop(): Promise<void> {
    await this.process.stop();
  }
}

function configure(directory: string, port: number, replicas: readonly string[]): void {
  const servers = replicas.map((url) => `server ${new URL(url).host};`);
  writeFileSync(join(directory, 'nginx.conf'), configuration(port, servers.join(' ')));
}

/**
 * Nothing outside its directory is read or written, and no body goes to a file. A connection is accepted with its
 * request: nginx would close one that has not brought it yet as it reads its configuration again.
 */
function configuration(port: number, servers: string): string {
  return `
daemon off;
pid nginx.pid;
worker_processes 1;
events { worker_connections 2048; }
http {
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  client_body_buffer_size 256k;
  proxy_max_temp_file_size 0;
  log_format passed '$request_method $upstream_status';
  access_log access.log passed;
  upstream farmlokal { ${servers} keepalive 32; }
  server {
    listen 127.0.0.1:${port} deferred;
    location / {
      proxy_pass http://farmlokal;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }
  }
}
`;
}
