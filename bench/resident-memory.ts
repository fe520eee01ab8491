import { setTimeout as sleep } from 'node:timers/promises';

const SAMPLES = 10;
const INTERVAL_MS = 1000;

/** Resident memory of a replica in MB, as its metrics report it. */
export async function residentMb({ url }: { readonly url: string }): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const bytes = Number(/^process_resident_memory_bytes (\S+)/m.exec(metrics)?.[1]);
  return Math.round(bytes / 1e5) / 10;
}

/** The minimum over ten seconds, because memory grows until garbage is collected. */
export async function leastResidentMb(replica: { readonly url: string }): Promise<number> {
  let least = Infinity;
  for (let nth = 0; nth < SAMPLES; nth += 1) {
    least = Math.min(least, await residentMb(replica));
    await sleep(INTERVAL_MS);
  }
  return least;
}
