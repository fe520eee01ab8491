import type { GeneratedRequest } from './load-generator.js';
import { samePage } from './same-page.js';
import { CONNECTIONS, EVERYTHING_ON, EXPRESS, type SpeedSetting } from './speed-setting.js';
import { loggingTo, type Program } from './testbed.js';
import { inTurns, type Turn } from './turns.js';

/** Loads of one and the same page, which is in every cache there is. */
export type CachedLoad = 'bare' | 'service' | 'clients' | 'unchanged' | 'express';

export interface CachedPage {
  readonly bytes: number;
  readonly turns: readonly Turn<CachedLoad>[];
}

/** The page of the example in the README. */
export const PAGE = '/api/products?limit=20&cursor=20&category=Electronics';
const BARE: Program = { entry: 'bench/baselines/bare-fastify.js', ready: '/health/ready' };
/** Enough for each of them to stay below the limit of a client. */
const CLIENTS = 50_000;

/** A page from the cache, against Fastify that has nothing to do but to send it, and against Express. */
export async function measureCachedPage(setting: SpeedSetting): Promise<CachedPage> {
  const { testbed, generator, seconds, say } = setting;
  const service = await testbed.startReplica(EVERYTHING_ON, loggingTo('bench-one-client.log'));
  const proxied = await testbed.startReplica(
    { LOG_LEVEL: 'info', THROTTLE_LIMIT: '300', TRUST_PROXY: '127.0.0.1' },
    loggingTo('bench-clients.log'),
  );
  const bare = await testbed.startReplica({ PAGE_URL: service.url + PAGE }, BARE);
  const express = await testbed.startReplica(EVERYTHING_ON, EXPRESS);
  const replicas = [service, proxied, bare, express];
  const bytes = await samePage(requestOf(0), replicas);
  const etag = (await fetch(service.url + PAGE)).headers.get('etag') ?? '';

  const ofAllClients = Array.from({ length: CLIENTS }, (_, nth) => requestOf(nth));
  const load = { connections: CONNECTIONS, seconds, requests: [{ path: PAGE }] };
  const turns = await inTurns(
    'cached page',
    {
      bare: () => generator.run({ ...load, url: bare.url }),
      service: () => generator.run({ ...load, url: service.url }),
      clients: () => generator.run({ ...load, url: proxied.url, requests: ofAllClients }),
      unchanged: () =>
        generator.run({
          ...load,
          url: service.url,
          requests: [{ path: PAGE, headers: { 'if-none-match': etag } }],
        }),
      express: () => generator.run({ ...load, url: express.url }),
    },
    say,
  );
  for (const replica of replicas) await replica.stop();
  return { bytes, turns };
}

/** As the proxy passes it on for one of its clients. */
function requestOf(nth: number): GeneratedRequest {
  return { path: PAGE, headers: { 'x-forwarded-for': `10.0.${nth >> 8}.${nth & 255}` } };
}
