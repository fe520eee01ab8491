import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { onFreePort } from '../../dev/free-port.js';
import { followLog } from '../../dev/log-file.js';
import { ManagedProcess } from '../../dev/managed-process.js';
import { stopAfterTest } from './after-test.js';
import { httpFetch } from './http.js';
import { eventually } from './eventually.js';
import { START_COMMAND } from './start-command.js';
import { testDirectory } from './test-directory.js';

/** The built service in a process of its own. */
export class Service {
  constructor(
    readonly url: string,
    /** File that the service logs to. */
    readonly log: string,
    /** Everything the service has logged so far. */
    readonly logs: () => string,
    private readonly process: ManagedProcess,
  ) {}

  get pid(): number {
    return this.process.pid;
  }

  /** Waits until the service has logged a text so many times: it writes its log in the background. */
  async untilLogged(text: string, times = 1): Promise<void> {
    await eventually(() => Promise.resolve(this.logs().split(text).length > times || undefined));
  }

  /** Waits until the service is ready: connected to a migrated database. */
  async untilReady(): Promise<void> {
    await eventually(async () => {
      const { status } = await httpFetch(`${this.url}/health/ready`);
      return status === 200 || undefined;
    });
  }

  residentMegabytes(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
  }

  /** Sends a signal; `exited` waits for the effect. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    await this.process.signal(signal);
  }

  /** Waits for the process to end and returns its exit code, or 128 and the number of the signal that killed it. */
  async exited(): Promise<number> {
    return await this.process.finished();
  }

  /** Sends SIGTERM, kills the process if it takes too long, and returns its exit code. */
  async stop(): Promise<number> {
    return await this.process.stop();
  }
}

/**
 * Starts the service on a free port (or `PORT`) and waits until it is live. A service that a test starts is stopped
 * after the test.
 *
 * @param env the whole environment of the service, apart from PATH.
 * @throws an error with the log, if the service does not start.
 */
export async function startService(
  env: Record<string, string>,
  command = START_COMMAND,
): Promise<Service> {
  return await onFreePort(async (port) => {
    const log = join(testDirectory(), `service-${randomUUID()}.log`);
    const logs = followLog(log);
    const server = await ManagedProcess.start({
      command: process.execPath,
      args: [...command],
      env: {
        PATH: process.env.PATH,
        HOST: '127.0.0.1',
        PORT: String(port),
        // All requests of a spec come from one client address.
        THROTTLE_LIMIT: '1000000',
        SHUTDOWN_DELAY_MS: '0',
        ...env,
      },
      log,
      graceMs: 15_000,
    });
    const url = `http://127.0.0.1:${env.PORT ?? port}`;
    const alive = await server.readyWithin(20_000, async () => {
      const response = await fetch(`${url}/health/live`).catch(() => undefined);
      return response?.status === 200;
    });
    if (!alive) throw new Error(`The service did not start:\n${logs()}`);
    stopAfterTest(() => server.stop());
    return new Service(url, log, logs, server);
  });
}

/** Starts the service as {@link startService} does and waits until it is ready. */
export async function startReadyService(
  env: Record<string, string>,
  command = START_COMMAND,
): Promise<Service> {
  const service = await startService(env, command);
  await service.untilReady();
  return service;
}
