import { PopularPages } from './popular-pages.js';
import { CONNECTIONS, EVERYTHING_ON, type SpeedSetting } from './speed-setting.js';
import { EMPTY_CACHES, loggingTo } from './testbed.js';
import { inTurns, type Turn } from './turns.js';

/** Connections to PostgreSQL. */
export const POOL_SIZES = ['2', '5', '10', '20'] as const;
export type PoolSize = (typeof POOL_SIZES)[number];

const PAGES = 50_000;

/** Uncached pages with pools of several sizes. */
export async function measurePoolSizes(setting: SpeedSetting): Promise<Turn<PoolSize>[]> {
  const { testbed, catalogue, generator, seconds, say } = setting;
  const pages = await PopularPages.of(catalogue);
  const requests = Array.from({ length: PAGES }, () => pages.any());
  const replicas = await Promise.all(
    POOL_SIZES.map(async (size) => {
      const env = { ...EVERYTHING_ON, ...EMPTY_CACHES, DATABASE_POOL_MAX: size };
      return { size, ...(await testbed.startReplica(env, loggingTo(`bench-pool-${size}.log`))) };
    }),
  );
  const loads = Object.fromEntries(
    replicas.map(({ size, url }) => [
      size,
      () => generator.run({ url, requests, connections: CONNECTIONS, seconds }),
    ]),
  ) as Record<PoolSize, () => ReturnType<typeof generator.run>>;
  const turns = await inTurns('pool size', loads, say);
  for (const replica of replicas) await replica.stop();
  return turns;
}
