import { type FSWatcher, watch } from 'chokidar';
import { once } from 'node:events';

import { onFreePort } from './free-port.js';
import { ManagedProcess, type ProcessOptions } from './managed-process.js';
import { TcpProxy } from './tcp-proxy.js';

/** An editor or a change of branch writes many files at once. */
const DEBOUNCE_MS = 100;
const READY_WITHIN_MS = 60_000;
const PROBE_TIMEOUT_MS = 2000;

export interface ReloadingOptions {
  /** Directories to watch. */
  readonly directories: readonly string[];
  /** Whether a change of this file triggers a reload. */
  readonly isSource: (path: string) => boolean;
  /** Compiles the changed sources; returns their paths. */
  readonly rebuild: () => Promise<readonly string[]>;
  /** The command that runs the service on this port of 127.0.0.1. */
  readonly command: (port: number) => ProcessOptions & { command: string };
  /** The address that clients connect to. */
  readonly host: string;
  readonly port: number;
  readonly log: (line: string) => void;
}

/** A process of the service that is ready. */
interface ReadyProcess {
  readonly process: ManagedProcess;
  readonly port: number;
}

/**
 * Runs the service, and replaces its process after each change of a source. The old process serves requests until the
 * new one is ready, and keeps serving when the new one does not start.
 */
export class ReloadingService {
  private proxy: TcpProxy | undefined;
  private watcher: FSWatcher | undefined;
  private timer: NodeJS.Timeout | undefined;
  /** When the first change since the last reload happened. */
  private changedAt: number | undefined;
  /** Whether no process has been started with the latest sources yet. */
  private outdated = false;
  private current: ReadyProcess | undefined;
  /** Aborts the reload that is running, because its sources are out of date. */
  private reloadController = new AbortController();
  private readonly retiring = new Set<Promise<number>>();
  private reloads = Promise.resolve();
  private stopped = false;

  constructor(private readonly options: ReloadingOptions) {}

  /** Starts the service and watches its sources. When the service does not start, the next change starts it again. */
  async start(): Promise<void> {
    const { directories, isSource, log } = this.options;
    // Watches directories, because the watch on a file ends when the file is replaced.
    this.watcher = watch([...directories], {
      ignoreInitial: true,
      ignored: (path, stats) => stats?.isFile() === true && !isSource(path),
    });
    this.watcher.on('all', () => {
      this.onChange();
    });
    this.watcher.on('error', (error) => {
      log(`Cannot watch the sources: ${error instanceof Error ? error.message : String(error)}`);
    });
    await once(this.watcher, 'ready');
    await this.enqueueReload();
  }

  /** Stops watching, then the service. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    this.reloadController.abort();
    await this.watcher?.close();
    await this.reloads;
    const { current, proxy } = this;
    this.current = undefined;
    this.proxy = undefined;
    await Promise.all([current?.process.stop(), ...this.retiring]);
    await proxy?.stop();
  }

  private onChange(): void {
    this.changedAt ??= performance.now();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.reloadController.abort();
      void this.enqueueReload();
    }, DEBOUNCE_MS);
  }

  /** Reloads after the earlier reloads have ended. */
  private enqueueReload(): Promise<void> {
    this.reloads = this.reloads.then(async () => {
      if (this.stopped) return;
      const changedAt = this.changedAt ?? performance.now();
      this.changedAt = undefined;
      this.reloadController = new AbortController();
      const { signal } = this.reloadController;
      try {
        await this.rebuild();
        if (signal.aborted || (this.current !== undefined && !this.outdated)) return;
        const next = await this.launch(signal);
        if (next !== undefined) await this.switchTo(next, changedAt);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        this.options.log(`${message}\nWaiting for a change`);
      }
    });
    return this.reloads;
  }

  private async rebuild(): Promise<void> {
    const changed = await this.options.rebuild();
    if (changed.length === 0) return;
    this.outdated = true;
    const [first, ...others] = changed;
    const more = others.length > 0 ? ` and ${others.length} more` : '';
    this.options.log(`Changed: ${first}${more}`);
  }

  /** Starts a process and waits until it is ready; returns undefined when the signal aborts. */
  private async launch(signal: AbortSignal): Promise<ReadyProcess | undefined> {
    return await onFreePort(async (port) => {
      const process = await ManagedProcess.start(this.options.command(port));
      const ready = await process.readyWithin(
        READY_WITHIN_MS,
        async () => signal.aborted || (await isReady(port, signal)),
      );
      if (signal.aborted) {
        await process.signal('SIGKILL');
        await process.stop();
        return undefined;
      }
      if (ready) return { process, port };
      this.outdated = false;
      throw new Error(
        `The service did not start${this.current === undefined ? '' : '; the previous process keeps serving'}`,
      );
    });
  }

  /** Sends requests to this process from now on, and stops the previous one. */
  private async switchTo(next: ReadyProcess, changedAt: number): Promise<void> {
    const { current } = this;
    const { port, host, log } = this.options;
    this.current = next;
    this.outdated = false;
    void next.process.exited.then((code) => {
      if (this.current !== next) return;
      this.current = undefined;
      this.proxy?.forwardTo(undefined);
      log(`The service exited with code ${code}; the next change starts it again`);
    });
    this.proxy ??= await TcpProxy.listen(port, host);
    this.proxy.forwardTo(next.port);
    if (current === undefined) return;
    const seconds = (performance.now() - changedAt) / 1000;
    log(`Reloaded in ${seconds.toFixed(1)} s`);
    const retired = current.process.stop();
    this.retiring.add(retired);
    void retired.then(() => this.retiring.delete(retired));
  }
}

async function isReady(port: number, signal: AbortSignal): Promise<boolean> {
  const url = `http://127.0.0.1:${port}/health/ready`;
  const probe = AbortSignal.any([signal, AbortSignal.timeout(PROBE_TIMEOUT_MS)]);
  const response = await fetch(url, { signal: probe }).catch(() => undefined);
  await response?.body?.cancel();
  return response?.status === 200;
}
