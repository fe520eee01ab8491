import { alternate, medianOf, roundsTable } from '../../alternating-runs.js';
import { BARE_FASTIFY, EXPRESS, FASTIFY_PG } from '../../baselines/programs.js';
import { sendClosedLoop } from '../../load/closed-loop.js';
import type { LoadRequest } from '../../load/request.js';
import type { Throughput } from '../../load/sender-process.js';
import { PAGE, Pages } from '../../pages.js';
import { checkParity } from '../../parity-check.js';
import { atLeast, atMost, type Findings, thousands } from '../../report/report.js';
import type { Bench } from '../../suite.js';
import { EMPTY_CACHES, PRODUCTION, type Replica } from '../../testbed.js';

/** Enough for each client to stay below its rate limit. */
const CLIENTS = 50_000;
const UNCACHED_PAGES = 50_000;

/** A cached page compared with Fastify that only sends the same bytes, and with Express. */
export async function measureCachedPage({ testbed, seconds, log }: Bench): Promise<Findings> {
  const start = (env: object) => testbed.startReplica({ ...PRODUCTION, ...env });
  const service = await start({});
  const proxied = await start({ THROTTLE_LIMIT: '300', TRUST_PROXY: '127.0.0.1' });
  const expiring = await start({ CACHE_TTL_MS: '1000' });
  const bare = await testbed.startReplica({ PAGE_URL: service.url + PAGE }, BARE_FASTIFY);
  const express = await testbed.startReplica(PRODUCTION, EXPRESS);
  const clients = Array.from({ length: CLIENTS }, (_, nth) => requestOfClient(nth));
  const bytes = await checkParity(requestOfClient(0), [service, proxied, bare, express]);
  const etag = (await fetch(service.url + PAGE)).headers.get('etag') ?? '';

  const send = ({ url }: Replica, requests: readonly LoadRequest[] = [{ path: PAGE }]) =>
    sendClosedLoop({ url, requests, seconds: loadSeconds(seconds) });
  const loads = {
    'bare Fastify': () => send(bare),
    service: () => send(service),
    'many clients': () => send(proxied, clients),
    expiring: () => send(expiring),
    'not modified': () => send(service, [{ path: PAGE, headers: { 'if-none-match': etag } }]),
    Express: () => send(express),
  };
  const rounds = await alternate('cached page', loads, log);
  await testbed.stopReplicas();

  type Name = keyof typeof loads;
  const ratio = (of: Name, to: Name, value = ({ perSecond }: Throughput) => perSecond) =>
    medianOf(rounds, (round) => value(round[of]) / value(round[to]));
  const expiringP99 = ratio('expiring', 'service', ({ latency }) => latency.p99);
  return {
    goals: [
      atLeast(0.5, '', 'cached page, divided by bare Fastify', ratio('service', 'bare Fastify')),
      atLeast(0.5, '', 'the same for many clients', ratio('many clients', 'bare Fastify')),
      atLeast(5, '', 'cached page, divided by Express', ratio('service', 'Express')),
      atLeast(1, '', '304 Not Modified, divided by 200', ratio('not modified', 'service')),
      atMost(1.5, '', 'P99 of a page that expires each second, to one that lasts', expiringP99),
    ],
    sections: [
      {
        title: 'A cached page',
        text: `Responses a second of one page of ${thousands(bytes)} bytes. Bare Fastify has the bytes in memory. *Many clients*: the service behind a proxy, with a rate limit of 300 for each client, counted in Redis. *Expiring*: the page is fresh for 1 s. *Not modified*: the service with a matching \`If-None-Match\`. Express uses pg and ioredis (\`bench/baselines/express.js\`).`,
        ...roundsTable(rounds),
      },
    ],
  };
}

/** Uncached pages compared with Fastify that runs the same statement, and with Express. */
export async function measureUncachedPage(bench: Bench): Promise<Findings> {
  const { testbed, catalog, seconds, log } = bench;
  const env = { ...PRODUCTION, ...EMPTY_CACHES };
  const service = await testbed.startReplica(env);
  const direct = await testbed.startReplica({}, FASTIFY_PG);
  const express = await testbed.startReplica(env, EXPRESS);
  const pages = await Pages.of(catalog);
  await checkParity(pages.any(), [service, direct, express]);

  const requests = Array.from({ length: UNCACHED_PAGES }, () => pages.any());
  const send = ({ url }: Replica) =>
    sendClosedLoop({ url, requests, seconds: loadSeconds(seconds) });
  const loads = {
    'Fastify and pg': () => send(direct),
    service: () => send(service),
    Express: () => send(express),
  };
  const rounds = await alternate('uncached page', loads, log);
  await testbed.stopReplicas();

  const ratio = (to: keyof typeof loads) =>
    medianOf(rounds, (round) => round.service.perSecond / round[to].perSecond);
  return {
    goals: [
      atLeast(0.85, '', 'uncached page, divided by Fastify and pg', ratio('Fastify and pg')),
      atLeast(3, '', 'uncached page, divided by Express', ratio('Express')),
    ],
    sections: [
      {
        title: 'An uncached page',
        text: 'Responses a second of pages of 20 products at random positions. Fastify and pg run the same statement, serialize the rows and do nothing else. The service also reads Redis, takes a lock and stores the page.',
        ...roundsTable(rounds),
      },
    ],
  };
}

/** How long each load of a round lasts. */
export function loadSeconds(seconds: number): number {
  return Math.max(1, Math.round(seconds / 12));
}

function requestOfClient(nth: number): LoadRequest {
  return { path: PAGE, headers: { 'x-forwarded-for': `10.0.${nth >> 8}.${nth & 255}` } };
}
