/** A part of `npm run dev` that has to be stopped. */
export interface Stoppable {
  stop(): Promise<unknown>;
}

/** Stops the parts of `npm run dev`, last started first, when a signal arrives or the parent process disappears. */
export class Shutdown {
  private readonly running: Stoppable[] = [];
  private startedAt: number | undefined;

  constructor(private readonly log: (line: string) => void) {
    // A closed terminal closes the output.
    process.stdout.on('error', () => undefined);
    process.stderr.on('error', () => undefined);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => void this.exit(0));
    }
    // When npm is killed by SIGKILL, it forwards no signal.
    const parent = process.ppid;
    setInterval(() => {
      if (process.ppid !== parent && !this.inProgress) void this.exit(0);
    }, 1_000).unref();
  }

  get inProgress(): boolean {
    return this.startedAt !== undefined;
  }

  add(part: Stoppable): void {
    this.running.push(part);
  }

  remove(part: Stoppable): void {
    this.running.splice(this.running.indexOf(part), 1);
  }

  /** Stops every part, then exits. A second signal exits at once, and the reapers stop the rest. */
  async exit(code: number): Promise<void> {
    if (this.startedAt !== undefined) {
      // One Ctrl-C arrives twice: from the terminal and from npm.
      if (performance.now() - this.startedAt > 500) process.exit(1);
      return;
    }
    this.startedAt = performance.now();
    if (this.running.length > 0) this.log('Stopping');
    for (const part of this.running.reverse()) await part.stop();
    process.exit(code);
  }
}
