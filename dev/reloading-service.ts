import { type FSWatcher, watch } from 'node:fs';
import { join } from 'node:path';

import { ManagedProcess, type Order } from './managed-process.js';

const SETTLE_MS = 100;

/** What a service is started from, and again after a change. */
export interface ReloadingOptions {
  root: string;
  /** Directories that are watched, relative to the root. */
  sources: readonly string[];
  /** Makes what the service runs from out of the sources; gets those of them that have changed. */
  rebuild: (changed: ReadonlySet<string>) => Promise<void>;
  order: Order & { command: string };
  announce: (line: string) => void;
}

/** The service, started anew whenever a source has changed. A crash waits for the next change. */
export class ReloadingService {
  private readonly watchers: FSWatcher[] = [];
  private readonly changed = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  private process: ManagedProcess | undefined;
  private reloading = Promise.resolve();

  constructor(private readonly options: ReloadingOptions) {}

  /** Starts the service, from what is built already, and begins to watch. */
  async start(): Promise<void> {
    for (const source of this.options.sources) {
      const watcher = watch(join(this.options.root, source), { recursive: true }, (_, file) => {
        if (file?.endsWith('.ts') && !file.endsWith('spec.ts')) this.notice(source);
      });
      // A directory that goes while it is looked at is a change like any other.
      watcher.on('error', () => {
        this.notice(source);
      });
      this.watchers.push(watcher);
    }
    await this.launch();
  }

  /** Stops watching, then the service. */
  async stop(): Promise<void> {
    clearTimeout(this.timer);
    for (const watcher of this.watchers) watcher.close();
    await this.reloading;
    await this.end();
  }

  private notice(source: string): void {
    this.changed.add(source);
    // An editor, or a switch of branches, touches many files at a time.
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.reloading = this.reloading.then(() => this.reload());
    }, SETTLE_MS);
  }

  private async reload(): Promise<void> {
    const { announce, rebuild } = this.options;
    const changed = new Set(this.changed);
    if (changed.size === 0) return;
    this.changed.clear();
    announce(`Changed: ${[...changed].join(', ')}`);
    try {
      await rebuild(changed);
    } catch (error) {
      announce(`${error instanceof Error ? error.message : String(error)}; waiting for a change`);
      return;
    }
    await this.end();
    await this.launch();
  }

  private async launch(): Promise<void> {
    const process = await ManagedProcess.start(this.options.order);
    this.process = process;
    void process.exited.then((code) => {
      if (this.process !== process) return;
      this.process = undefined;
      this.options.announce(`The service ended with code ${code}; it starts again on a change`);
    });
  }

  private async end(): Promise<void> {
    const process = this.process;
    this.process = undefined;
    await process?.stop();
  }
}
