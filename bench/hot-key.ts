import { setTimeout as sleep } from 'node:timers/promises';

import { PAGE } from './cached-page.js';
import { CONNECTIONS, EVERYTHING_ON, type SpeedSetting } from './speed-setting.js';
import { loggingTo, type Testbed } from './testbed.js';
import { inTurns, type Turn } from './turns.js';

export interface HotKey {
  /** Milliseconds that the page is fresh. */
  readonly ttl: number;
  readonly turns: readonly Turn<'lasting' | 'expiring'>[];
  /** How often PostgreSQL was asked for it, in all turns. */
  readonly queries: number;
  /** How often it had to be at most: when a turn began, and whenever the page was no longer fresh. */
  readonly refreshes: number;
}

const TTL_MS = 1000;
const LASTING = { CACHE_TTL_MS: '3600000', CACHE_STALE_MS: '3600000' };

/** One page that everyone wants, while it lasts and while it expires again and again. */
export async function measureHotKey(setting: SpeedSetting): Promise<HotKey> {
  const { testbed, generator, seconds, say } = setting;
  const before = await reads(testbed);
  const lasting = await testbed.startReplica(
    { ...EVERYTHING_ON, ...LASTING },
    loggingTo('bench-lasting.log'),
  );
  const expiring = await testbed.startReplica(
    { ...EVERYTHING_ON, CACHE_TTL_MS: String(TTL_MS) },
    loggingTo('bench-expiring.log'),
  );
  const send = (url: string) =>
    generator.run({ url, requests: [{ path: PAGE }], connections: CONNECTIONS, seconds });
  // The page that lasts is read once.
  let refreshes = 1;
  const turns = await inTurns(
    'hot key',
    {
      lasting: () => send(lasting.url),
      expiring: async () => {
        const started = performance.now();
        const generated = await send(expiring.url);
        refreshes += 1 + Math.ceil((performance.now() - started) / TTL_MS);
        return generated;
      },
    },
    say,
  );
  for (const replica of [lasting, expiring]) await replica.stop();
  return { ttl: TTL_MS, turns, queries: (await reads(testbed)) - before, refreshes };
}

/** How often the catalogue has been read by anyone. Connections tell when they end, if not before. */
async function reads(testbed: Testbed): Promise<number> {
  for (;;) {
    const [row] = await testbed.query<{ reads: number; connected: boolean }>(
      `SELECT (seq_scan + idx_scan)::int AS reads, EXISTS (
         SELECT FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'farmlokal'
       ) AS connected
       FROM pg_stat_user_tables WHERE relname = 'products'`,
    );
    if (row && !row.connected) return row.reads;
    await sleep(100);
  }
}
