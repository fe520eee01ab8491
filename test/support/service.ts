import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { onFreePort } from '../../dev/free-port.js';
import { followLog } from '../../dev/log-file.js';
import { ManagedProcess } from '../../dev/managed-process.js';
import { stopAfterTest } from './after-test.js';
import { eventually } from './eventually.js';
import { START_COMMAND } from './start-command.js';
import { testDirectory } from './test-directory.js';

/** The service, built, in a process of its own. */
export class Service {
  constructor(
    readonly url: string,
    /** Everything it has written so far. */
    readonly logs: () => string,
    private readonly process: ManagedProcess,
  ) {}

  get pid(): number {
    return this.process.pid;
  }

  /** Waits until it has written this text so many times: its log is written in the background. */
  async untilLogged(text: string, times = 1): Promise<void> {
    await eventually(() => Promise.resolve(this.logs().split(text).length > times || undefined));
  }

  /** The memory that it holds. */
  residentMegabytes(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
  }

  /** Sends it a signal; `exited` tells what comes of it. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    await this.process.signal(signal);
  }

  /** Waits until it has ended of itself; gives its exit code, or 128 and the number of the signal it died of. */
  async exited(): Promise<number> {
    return await this.process.finished();
  }

  /** Asks it to end (SIGTERM), kills it when that takes too long, and gives its exit code. */
  async stop(): Promise<number> {
    return await this.process.stop();
  }
}

/**
 * Starts the service on a free port (or `PORT`) with this environment and nothing else (but the PATH), and waits
 * until it is alive. It fails with what the service has written. A service that a test starts is stopped after it.
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
        // All requests of a spec come from one address.
        THROTTLE_LIMIT: '1000000',
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
    return new Service(url, logs, server);
  });
}
