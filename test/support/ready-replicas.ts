import { setTimeout as sleep } from 'node:timers/promises';

const CHECK_MS = 100;
const TIMEOUT_MS = 5000;

/** Watches the readiness probes of replicas, as a load balancer does. */
export class ReadyReplicas {
  private readonly known = new Set<string>();
  private readonly ready = new Set<string>();
  private readonly watching: Promise<void>;
  private running = true;

  /** @param changed receives the ready replicas after each change. */
  constructor(private readonly changed: (urls: readonly string[]) => Promise<void> | void) {
    this.watching = this.watch();
  }

  /** Watches a replica and waits until it is ready. */
  async add(url: string): Promise<void> {
    this.known.add(url);
    while (this.running && !this.ready.has(url)) {
      await sleep(CHECK_MS);
    }
  }

  async stop(): Promise<void> {
    this.running = false;
    await this.watching;
  }

  private async watch(): Promise<void> {
    while (this.running) {
      const checked = await Promise.all(
        [...this.known].map(async (url) => ((await isReady(url)) ? url : undefined)),
      );
      const found = checked.filter((url) => url !== undefined);
      if (found.join() !== [...this.ready].join()) {
        await this.changed(found);
        this.ready.clear();
        found.forEach((url) => this.ready.add(url));
      }
      await sleep(CHECK_MS);
    }
  }
}

async function isReady(url: string): Promise<boolean> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const response = await fetch(`${url}/health/ready`, { signal }).catch(() => undefined);
  await response?.body?.cancel();
  return response?.status === 200;
}
