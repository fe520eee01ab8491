import { SECRET } from '../../../test/support/signed-event.js';
import { INVENTORY_STUB } from '../../baselines/programs.js';
import type { Catalog } from '../../catalog.js';
import type { LoadRequest } from '../../load/request.js';
import { Pages } from '../../pages.js';
import { EMPTY_CACHES, PRODUCTION, type Testbed } from '../../testbed.js';
import { newEvent, signed } from '../../webhook-events.js';

/** One kind of request and the process that responds to it. */
export interface Kind {
  readonly name: string;
  readonly description: string;
  readonly url: string;
  /** Whether a request may be sent more than once. */
  readonly repeatable: boolean;
  /** So many requests, or fewer if they are repeatable. */
  requests(count: number): Iterable<LoadRequest>;
}

type StartKind = (testbed: Testbed, catalog: Catalog) => Promise<Kind>;

/** Products that the events change. */
const EVENT_PRODUCTS = 2000;
const UNCACHED_PAGES = 50_000;

export const cachedPages: StartKind = async (testbed, catalog) => {
  const { url } = await testbed.startReplica(PRODUCTION);
  const { popular } = await Pages.of(catalog);
  const description = `${popular.length} pages of 20 products, all cached.`;
  return { name: 'cached pages', description, url, repeatable: true, requests: () => popular };
};

export const uncachedPages: StartKind = async (testbed, catalog) => {
  const { url } = await testbed.startReplica({ ...PRODUCTION, ...EMPTY_CACHES });
  const pages = await Pages.of(catalog);
  const requests = Array.from({ length: UNCACHED_PAGES }, () => pages.any());
  const description = 'Pages of 20 products at random positions, each read from PostgreSQL.';
  return { name: 'uncached pages', description, url, repeatable: true, requests: () => requests };
};

export const availability: StartKind = async (testbed, catalog) => {
  const inventory = await testbed.startReplica({}, INVENTORY_STUB);
  const env = {
    ...PRODUCTION,
    OAUTH_TOKEN_URL: `${inventory.url}/token`,
    OAUTH_CLIENT_ID: 'bench',
    OAUTH_CLIENT_SECRET: 'not-checked',
    INVENTORY_API_URL: inventory.url,
  };
  const { url } = await testbed.startReplica(env);
  const ids = await catalog.ids(testbed.rows);
  let used = 0;
  const description =
    'Each request is for another product, so that the service reads the product and requests its stock. The inventory is a stub (`bench/baselines/inventory-stub.js`), because the partner sandbox would be the limit.';
  function* requests(count: number) {
    for (let nth = 0; nth < count; nth += 1) {
      yield { path: `/api/products/${ids[used++ % ids.length] ?? ''}/availability` };
    }
  }
  return { name: 'availability', description, url, repeatable: false, requests };
};

export const webhooks: StartKind = async (testbed) => {
  const { url } = await testbed.startReplica({ ...PRODUCTION, WEBHOOK_SECRETS: SECRET });
  function* requests(count: number) {
    for (let nth = 0; nth < count; nth += 1) yield signed(newEvent(EVENT_PRODUCTS));
  }
  const description = `New signed events, each of which changes one of ${EVENT_PRODUCTS} products.`;
  return { name: 'webhooks', description, url, repeatable: false, requests };
};
