import { PopularPages } from './popular-pages.js';
import { samePage } from './same-page.js';
import { CONNECTIONS, EVERYTHING_ON, EXPRESS, type SpeedSetting } from './speed-setting.js';
import { EMPTY_CACHES, loggingTo, type Program } from './testbed.js';
import { inTurns, type Turn } from './turns.js';

/** Loads of pages that no cache has. */
export type UncachedLoad = 'direct' | 'service' | 'express';

const DIRECT: Program = { entry: 'bench/baselines/fastify-pg.js', ready: '/health/ready' };
const PAGES = 50_000;

/** Pages from PostgreSQL, against Fastify with nothing between it and the same statement, and against Express. */
export async function measureUncachedPage(setting: SpeedSetting): Promise<Turn<UncachedLoad>[]> {
  const { testbed, catalogue, generator, seconds, say } = setting;
  const env = { ...EVERYTHING_ON, ...EMPTY_CACHES };
  const service = await testbed.startReplica(env, loggingTo('bench-uncached.log'));
  const direct = await testbed.startReplica({}, DIRECT);
  const express = await testbed.startReplica(env, EXPRESS);
  const pages = await PopularPages.of(catalogue);
  const replicas = [service, direct, express];
  await samePage(pages.any(), replicas);

  const requests = Array.from({ length: PAGES }, () => pages.any());
  const send = (url: string) => generator.run({ url, requests, connections: CONNECTIONS, seconds });
  const turns = await inTurns(
    'uncached page',
    {
      direct: () => send(direct.url),
      service: () => send(service.url),
      express: () => send(express.url),
    },
    say,
  );
  for (const replica of replicas) await replica.stop();
  return turns;
}
