import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { onFreePort } from '../../../dev/free-port.js';
import { ManagedProcess } from '../../../dev/managed-process.js';
import { findExecutable } from '../../executable.js';
import { TestbedError } from '../../testbed.js';

const READY_MS = 10_000;

/**
 * Starts nginx as a load balancer that sends no request to a second replica.
 *
 * @throws TestbedError when nginx is not installed.
 */
export async function startNginx(replicas: readonly string[]) {
  const command = findExecutable('nginx', 'nginx-light');
  const directory = mkdtempSync(join(tmpdir(), 'nginx-'));
  const log = join(directory, 'error.log');
  const args = ['-p', directory, '-c', 'nginx.conf', '-e', log];
  return await onFreePort(async (port) => {
    const configure = (urls: readonly string[]): void => {
      writeFileSync(join(directory, 'nginx.conf'), configuration(port, urls));
    };
    configure(replicas);
    const nginx = await ManagedProcess.start({ command, args, log, remove: directory });
    const url = `http://127.0.0.1:${port}`;
    const isReady = await nginx.readyWithin(READY_MS, async () => {
      const response = await fetch(`${url}/health/live`).catch(() => undefined);
      return response?.ok === true;
    });
    if (!isReady) throw new TestbedError('nginx did not become ready.');
    /** Sends new requests to these replicas. Requests in progress are completed. */
    const reload = async (urls: readonly string[]): Promise<void> => {
      configure(urls);
      await nginx.signal('SIGHUP');
    };
    return { url, reload, stop: () => nginx.stop() };
  });
}

/**
 * Everything that nginx writes stays in its directory. `deferred` accepts a connection only with its request, because
 * a reload closes connections that have not sent one yet.
 */
function configuration(port: number, replicas: readonly string[]): string {
  const servers = replicas.map((url) => `server ${new URL(url).host};`).join(' ');
  return `daemon off; pid nginx.pid; worker_processes 1; events { worker_connections 2048; }
http {
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
  scgi_temp_path scgi; client_body_buffer_size 256k; proxy_max_temp_file_size 0; access_log off;
  upstream farmlokal { ${servers} keepalive 32; }
  server {
    listen 127.0.0.1:${port} deferred;
    location / {
      proxy_pass http://farmlokal; proxy_http_version 1.1; proxy_next_upstream off;
      proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }
  }
}`;
}
