import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** What a reaper is to run, and how to end it. */
export interface Order {
  /** Without a command the reaper only removes in the end what is to be removed. */
  command?: string;
  args?: readonly string[];
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  uid?: number;
  gid?: number;
  /** File that the output is appended to; without one it goes where this process writes. */
  log?: string;
  /** The polite signal, sent to the whole process group; SIGTERM unless told. */
  stopSignal?: NodeJS.Signals;
  /** How long the group may take before it is killed; 10 seconds unless told. */
  graceMs?: number;
  /** File or directory that is removed after the process has ended. */
  remove?: string;
}

/** What a reaper says: the pid once it runs, why it does not, or nothing but "done". */
export interface Report {
  pid?: number;
  error?: string;
}

/** A signal for the process, or for others that belong to it. */
export interface Signalling {
  signal: NodeJS.Signals;
  pids: readonly number[];
}

/**
 * A process that never outlives this one, however this one ends: it belongs to a reaper in a session
 * of its own, out of reach of the terminal, which stops it when told or when this process is gone.
 */
export class ManagedProcess {
  /** The exit code, or 128 and the number of the signal it died of. */
  readonly exited: Promise<number>;

  private constructor(
    private readonly reaper: ChildProcess,
    readonly pid: number,
    exited: Promise<number>,
  ) {
    this.exited = exited;
  }

  static async start(order: Order): Promise<ManagedProcess> {
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
      // A message that no longer reaches the reaper: its exit says the rest.
    });
    reaper.send(order);
    const report = await reportOf(reaper, exited);
    if (report?.pid === undefined && order.command !== undefined) {
      throw new Error(`${order.command} did not start: ${report?.error ?? 'its reaper died'}`);
    }
    // Whoever waits for nothing else may end, and the reaper with it.
    reaper.unref();
    reaper.channel?.unref();
    return new ManagedProcess(reaper, report?.pid ?? 0, exited);
  }

  /** Asks until the process is ready; stops it and gives false when it ends or the time is up before. */
  async readyWithin(ms: number, isReady: () => Promise<boolean>): Promise<boolean> {
    const deadline = Date.now() + ms;
    while (this.reaper.connected && Date.now() < deadline) {
      if (await isReady()) return true;
      await sleep(20);
    }
    await this.stop();
    return false;
  }

  /** Sends a signal to the process itself, or to others that belong to it. */
  async signal(signal: NodeJS.Signals, pids: readonly number[] = [this.pid]): Promise<void> {
    this.reaper.send({ signal, pids } satisfies Signalling);
    this.reaper.channel?.ref();
    await reportOf(this.reaper, this.exited);
    this.reaper.channel?.unref();
  }

  /** Ends the process and all it started, by force when it takes too long; gives its exit code. */
  async stop(): Promise<number> {
    if (this.reaper.connected) this.reaper.disconnect();
    return await this.finished();
  }

  /** Waits until the process has ended of itself; gives its exit code. */
  async finished(): Promise<number> {
    this.reaper.ref();
    return await this.exited;
  }
}

async function reportOf(
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
