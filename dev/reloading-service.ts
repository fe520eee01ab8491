import { type FSWatcher, watch } from 'chokidar';
import { once } from 'node:events';

import { onFreePort } from './free-port.js';
import { ManagedProcess, type Order } from './managed-process.js';
import { TcpProxy } from './tcp-proxy.js';

/** An editor, or a switch of branches, touches many files at a time. */
const SETTLE_MS = 100;
const READY_WITHIN_MS = 60_000;
const PROBE_TIMEOUT_MS = 2000;

/** What a service is started from, and again after a change. */
export interface ReloadingOptions {
  /** Directories that are watched. */
  readonly directories: readonly string[];
  /** Whether a change of this file matters. */
  readonly isSource: (path: string) => boolean;
  /** Brings up to date what the service runs from; returns the paths that have changed. */
  readonly rebuild: () => Promise<readonly string[]>;
  /** What runs the service on this port of 127.0.0.1. */
  readonly order: (port: number) => Order & { command: string };
  /** Where clients connect to. */
  readonly host: string;
  readonly port: number;
  readonly announce: (line: string) => void;
}

/** A process of the service that is ready. */
interface Running {
  readonly process: ManagedProcess;
  readonly port: number;
}

/**
 * The service, replaced by a new process after each change of a source. The previous process answers until the new one
 * is ready, and goes on when the new one does not start.
 */
export class ReloadingService {
  private proxy: TcpProxy | undefined;
  private watcher: FSWatcher | undefined;
  private timer: NodeJS.Timeout | undefined;
  /** When the first change was noticed that is not served yet. */
  private noticedAt: number | undefined;
  /** Whether there are changes that no process was started with. */
  private outdated = false;
  private current: Running | undefined;
  /** The process that is not ready yet. */
  private starting: ManagedProcess | undefined;
  private readonly retiring = new Set<Promise<number>>();
  private reloading = Promise.resolve();
  private stopped = false;

  constructor(private readonly options: ReloadingOptions) {}

  /** Starts the service and begins to watch. A service that does not start is started again on a change. */
  async start(): Promise<void> {
    const { directories, isSource, announce } = this.options;
    // Watches directories, too: a watch on a file is lost when the file is replaced.
    this.watcher = watch([...directories], {
      ignoreInitial: true,
      ignored: (path, stats) => stats?.isFile() === true && !isSource(path),
    });
    this.watcher.on('all', () => {
      this.notice();
    });
    this.watcher.on('error', (error) => {
      announce(
        `Cannot watch the sources: ${error instanceof Error ? error.message : String(error)}`,
      );
    });
    await once(this.watcher, 'ready');
    await this.reload();
  }

  /** Stops watching, then the service. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.watcher?.close();
    this.abandon();
    await this.reloading;
    const { current } = this;
    this.current = undefined;
    await Promise.all([current?.process.stop(), ...this.retiring]);
    await this.proxy?.stop();
  }

  private notice(): void {
    this.noticedAt ??= performance.now();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.abandon();
      void this.reload();
    }, SETTLE_MS);
  }

  /** Ends the process that is starting, because it is out of date. */
  private abandon(): void {
    const { starting } = this;
    this.starting = undefined;
    void starting?.signal('SIGKILL');
  }

  /** Reloads when the reloads before this one have ended. */
  private reload(): Promise<void> {
    this.reloading = this.reloading.then(async () => {
      if (this.stopped) return;
      const noticedAt = this.noticedAt ?? performance.now();
      this.noticedAt = undefined;
      try {
        await this.rebuild();
        if (this.current !== undefined && !this.outdated) return;
        const next = await this.launch();
        if (next !== undefined) await this.serve(next, noticedAt);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        this.options.announce(`${message}\nWaiting for a change`);
      }
    });
    return this.reloading;
  }

  private async rebuild(): Promise<void> {
    const changed = await this.options.rebuild();
    if (changed.length === 0) return;
    this.outdated = true;
    const [first, ...others] = changed;
    const more = others.length > 0 ? ` and ${others.length} more` : '';
    this.options.announce(`Changed: ${first}${more}`);
  }

  /** Starts a process; gives undefined when it was abandoned. */
  private async launch(): Promise<Running | undefined> {
    return await onFreePort(async (port) => {
      const process = await ManagedProcess.start(this.options.order(port));
      this.starting = process;
      const ready = await process.readyWithin(READY_WITHIN_MS, () => isReady(port));
      const abandoned = this.starting !== process;
      this.starting = undefined;
      if (ready) return { process, port };
      if (abandoned) return undefined;
      this.outdated = false;
      throw new Error(
        `The service did not start${this.current === undefined ? '' : '; the previous process goes on'}`,
      );
    });
  }

  /** Has this process serve from now on, and stops the one before. */
  private async serve(next: Running, noticedAt: number): Promise<void> {
    const { current } = this;
    const { port, host, announce } = this.options;
    this.current = next;
    this.outdated = false;
    void next.process.exited.then((code) => {
      if (this.current !== next) return;
      this.current = undefined;
      this.proxy?.forwardTo(undefined);
      announce(`The service ended with code ${code}; it starts again on a change`);
    });
    this.proxy ??= await TcpProxy.listen(port, host);
    this.proxy.forwardTo(next.port);
    if (current === undefined) return;
    const seconds = (performance.now() - noticedAt) / 1000;
    announce(`Reloaded in ${seconds.toFixed(1)} s`);
    const retired = current.process.stop();
    this.retiring.add(retired);
    void retired.then(() => this.retiring.delete(retired));
  }
}

async function isReady(port: number): Promise<boolean> {
  const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
  const response = await fetch(`http://127.0.0.1:${port}/health/ready`, { signal }).catch(
    () => undefined,
  );
  await response?.body?.cancel();
  return response?.status === 200;
}
