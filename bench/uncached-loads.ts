import { sendClosedLoop } from './load/closed-loop.js';
import { sendIsolated } from './load/isolated-sender.js';
import { kindsOf, picking, type SortedFilter } from './page-mix.js';
import type { Bench } from './suite.js';
import { EMPTY_CACHES, PRODUCTION } from './testbed.js';

const CONNECTIONS = 256;
const REQUESTS = 20_000;

/** Starts a replica with empty caches, and prepares loads of all kinds of page for it. */
export async function startUncachedLoads({ testbed, catalog }: Bench, seconds: number) {
  const env = { ...PRODUCTION, ...EMPTY_CACHES };
  const { url } = await testbed.startReplica(env);
  let capacity = 0;
  return async (filters: readonly SortedFilter[]) => {
    const kinds = await kindsOf(catalog, filters);
    const next = picking(kinds);
    const load = () => ({ url, seconds, requests: Array.from({ length: REQUESTS }, next) });
    const atRate = (rate: number) => sendIsolated({ ...load(), connections: CONNECTIONS, rate });
    return {
      kinds: kinds.length,
      /** A closed loop. Its throughput is the capacity. */
      measureCapacity: async () => {
        const result = await sendClosedLoop(load());
        capacity = result.perSecond;
        return result;
      },
      atRate,
      atPartOfCapacity: (part: number) => atRate(part * capacity),
    };
  };
}
