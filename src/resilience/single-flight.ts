/** Runs a task once for all concurrent callers of a key. */
export class SingleFlight<Result> {
  private readonly running = new Map<string, Promise<Result>>();

  /** Whether a task of this key is running. */
  has(key: string): boolean {
    return this.running.has(key);
  }

  /** Starts the task, or joins the running task of this key. A failure rejects for every caller. */
  run(key: string, task: () => Promise<Result>): Promise<Result> {
    const running = this.running.get(key);
    if (running !== undefined) {
      return running;
    }
    const started = task().finally(() => {
      this.running.delete(key);
    });
    this.running.set(key, started);
    return started;
  }
}
