import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** A command to run, and how to stop it. */
export interface ProcessOptions {
  /** Without a command the reaper only removes `remove` in the end. */
  command?: string;
  args?: readonly string[];
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  uid?: number;
  gid?: number;
  /** File to append stdout and stderr to; by default both are inherited. */
  log?: string;
  /** The signal that asks the process group to end; SIGTERM by default. */
  stopSignal?: NodeJS.Signals;
  /** Milliseconds from `stopSignal` to SIGKILL; 10,000 by default. */
  graceMs?: number;
  /** File or directory to remove after the process has ended. */
  remove?: string;
}

/** A reaper's message: the pid once the process runs, why it does not, or an empty acknowledgement. */
export interface Report {
  pid?: number;
  error?: string;
}

/** A signal to send to the process or to other processes that belong to it. */
export interface SignalRequest {
  signal: NodeJS.Signals;
  pids: readonly number[];
}

/**
 * A child process that ends when this process ends, even by SIGKILL. A reaper process (`reaper.js`) starts it in
 * a session of its own, which the terminal cannot signal, and stops it when this process asks or disappears.
 */
export class ManagedProcess {
  /** The exit code; 128 plus the signal's number when a signal ended the process. */
  readonly exited: Promise<number>;

  private constructor(
    private readonly reaper: ChildProcess,
    readonly pid: number,
    exited: Promise<number>,
  ) {
    this.exited = exited;
  }

  /** @throws Error when the command cannot be started. */
  static async start(options: ProcessOptions): Promise<ManagedProcess> {
    const reaper = fork(fileURLToPath(new URL('./reaper.js', import.meta.url)), {
      detached: true,
      env: {},
      execArgv: [],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const exited = new Promise<number>((resolve) => {
      reaper.once('exit', (code) => {
        resolve(code ?? 1);
      });
    });
    reaper.on('error', () => {
      // A failed send: the reaper has exited, and `exited` resolves.
    });
    reaper.send(options);
    const report = await nextReport(reaper, exited);
    if (report?.pid === undefined && options.command !== undefined) {
      throw new Error(`${options.command} did not start: ${report?.error ?? 'its reaper exited'}`);
    }
    // The reaper must not keep this process alive.
    reaper.unref();
    reaper.channel?.unref();
    return new ManagedProcess(reaper, report?.pid ?? 0, exited);
  }

  /** Polls until the process is ready. When it exits first or the time is up, stops it and returns false. */
  async readyWithin(ms: number, isReady: () => Promise<boolean>): Promise<boolean> {
    const deadline = Date.now() + ms;
    while (this.reaper.connected && Date.now() < deadline) {
      if (await isReady()) return true;
      await sleep(20);
    }
    await this.stop();
    return false;
  }

  /** Sends a signal to the process, or to other processes that belong to it. */
  async signal(signal: NodeJS.Signals, pids: readonly number[] = [this.pid]): Promise<void> {
    this.reaper.send({ signal, pids } satisfies SignalRequest);
    this.reaper.channel?.ref();
    await nextReport(this.reaper, this.exited);
    this.reaper.channel?.unref();
  }

  /** Stops the process group: `stopSignal`, then SIGKILL after `graceMs`. Returns the exit code. */
  async stop(): Promise<number> {
    if (this.reaper.connected) this.reaper.disconnect();
    return await this.finished();
  }

  /** Waits until the process exits on its own. Returns the exit code. */
  async finished(): Promise<number> {
    this.reaper.ref();
    return await this.exited;
  }
}

/** Waits for the reaper's next message; undefined when the reaper exits first. */
async function nextReport(
  reaper: ChildProcess,
  exited: Promise<number>,
): Promise<Report | undefined> {
  const aborted = new AbortController();
  try {
    return await Promise.race([
      once(reaper, 'message', { signal: aborted.signal }).then(([report]) => report as Report),
      exited.then(() => undefined),
    ]);
  } finally {
    aborted.abort();
  }
}
