import { randomBytes } from 'node:crypto';

import { SECRET } from '../../../test/support/signed-event.js';
import { PAGE } from '../../cached-page.js';
import type { Catalogue } from '../../catalogue.js';
import { newEvent, removeEvents, signed } from '../../events.js';
import type { GeneratedRequest } from '../../load-generator.js';
import { PopularPages } from '../../popular-pages.js';
import { EVERYTHING_ON } from '../../speed-setting.js';
import { EMPTY_CACHES, loggingTo, type Program, type Testbed } from '../../testbed.js';

/** One kind of request and a process that answers it. */
export interface Kind {
  readonly name: string;
  /** What the requests are, for the report. */
  readonly description: string;
  readonly url: string;
  /** So many requests at least, or fewer that may be sent again and again. */
  requests(count: number): Iterable<GeneratedRequest>;
  stop(): Promise<void>;
}

export type StartKind = (testbed: Testbed, catalogue: Catalogue) => Promise<Kind>;

/** Products that the events change. */
const EVENT_PRODUCTS = 2000;
const CACHED_PAGES = 100;
const UNCACHED_PAGES = 50_000;

const INVENTORY: Program = {
  entry: 'bench/support/inventory-stub.js',
  ready: '/health/ready',
  log: 'bench-inventory.log',
};
const BARE: Program = { entry: 'bench/baselines/bare-fastify.js', ready: '/health/ready' };

export const cachedPages: StartKind = async (testbed, catalogue) => {
  const replica = await testbed.startReplica(EVERYTHING_ON, loggingTo('bench-overload.log'));
  const pages = await PopularPages.of(catalogue);
  const requests = Array.from({ length: CACHED_PAGES }, () => pages.any());
  return {
    name: 'cached pages',
    description: `${CACHED_PAGES} pages of 20 products, which every cache has.`,
    url: replica.url,
    requests: () => requests,
    stop: async () => {
      await replica.stop();
    },
  };
};

export const uncachedPages: StartKind = async (testbed, catalogue) => {
  const replica = await testbed.startReplica(
    { ...EVERYTHING_ON, ...EMPTY_CACHES },
    loggingTo('bench-overload.log'),
  );
  const pages = await PopularPages.of(catalogue);
  const requests = Array.from({ length: UNCACHED_PAGES }, () => pages.any());
  return {
    name: 'uncached pages',
    description: 'Pages of 20 products anywhere in the catalog, each read from PostgreSQL.',
    url: replica.url,
    requests: () => requests,
    stop: async () => {
      await replica.stop();
    },
  };
};

export const availability: StartKind = async (testbed, catalogue) => {
  const inventory = await testbed.startReplica({}, INVENTORY);
  const replica = await testbed.startReplica(
    {
      ...EVERYTHING_ON,
      OAUTH_TOKEN_URL: `${inventory.url}/token`,
      OAUTH_CLIENT_ID: 'bench',
      OAUTH_CLIENT_SECRET: randomBytes(16).toString('hex'),
      INVENTORY_API_URL: inventory.url,
    },
    loggingTo('bench-overload.log'),
  );
  const ids = await catalogue.ids(await catalogue.count({ name: 'none' }));
  let used = 0;
  return {
    name: 'availability',
    description:
      'Each request is for another product, so that the service has to read it and to ask the inventory. The inventory is a stub that answers at once (`bench/support/inventory-stub.js`): the partner sandbox would be the limit.',
    url: replica.url,
    *requests(count) {
      for (let nth = 0; nth < count; nth += 1) {
        yield { path: `/api/products/${ids[used++ % ids.length] ?? ''}/availability` };
      }
    },
    stop: async () => {
      await replica.stop();
      await inventory.stop();
    },
  };
};

export const webhooks: StartKind = async (testbed) => {
  const replica = await testbed.startReplica(
    { ...EVERYTHING_ON, WEBHOOK_SECRETS: SECRET },
    loggingTo('bench-overload.log'),
  );
  return {
    name: 'webhooks',
    description: 'New signed events, each of which changes one of 2,000 products.',
    url: replica.url,
    *requests(count) {
      for (let nth = 0; nth < count; nth += 1) yield signed(newEvent(EVENT_PRODUCTS));
    },
    stop: async () => {
      await replica.stop();
      await removeEvents(testbed);
    },
  };
};

/** No kind of the service: shows what the sender can send and what it costs. */
export const bareFastify: StartKind = async (testbed) => {
  const service = await testbed.startReplica({});
  const bare = await testbed.startReplica({ PAGE_URL: service.url + PAGE }, BARE);
  await service.stop();
  return {
    name: 'bare Fastify',
    description: 'One page that Fastify has in memory: nothing but the sender is measured.',
    url: bare.url,
    requests: () => [{ path: PAGE }],
    stop: async () => {
      await bare.stop();
    },
  };
};
