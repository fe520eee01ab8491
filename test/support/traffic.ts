import { randomUUID } from 'node:crypto';

import { httpFetch } from './http.js';
import type { Database } from './database.js';
import { eventually } from './eventually.js';
import { insertProducts } from './products.js';
import { signatureHeaders, upserted } from './signed-event.js';

/** The routes in the order of requests. Unseen listings and products are requested once, so that no cache has them. */
export const ROUTES = [
  'listing',
  'unseen listing',
  'product',
  'unseen product',
  // Again, before an event invalidates it.
  'listing',
  'availability',
  'unseen availability',
  'event',
  'duplicate',
  'live',
  'ready',
  'health',
  'metrics',
] as const;

export type Route = (typeof ROUTES)[number];

/** A request of the load. */
export interface Call {
  readonly route: Route;
  readonly path: string;
  /** Sent with POST; without a body, the request is a GET. */
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Number of products that were requested before. A turn takes longer than a stock level is fresh. */
const SEEN = 20;
const UNSEEN = 5000;

let unseenListings = 0;

/** Requests for every route of the service. */
export class Traffic {
  /** The bodies of new events by id. */
  readonly events = new Map<string, string>();
  private readonly known = webhook(randomUUID(), newProduct());
  private sent = 0;

  private constructor(
    readonly url: string,
    private readonly seen: readonly string[],
    private readonly unseen: string[],
  ) {}

  /** Inserts products and requests the seen ones, so that the service has them in its caches. */
  static async prepare(url: string, database: Database): Promise<Traffic> {
    const ids = await insertProducts(database, Array<object>(SEEN + UNSEEN).fill({}));
    const traffic = new Traffic(url, ids.slice(0, SEEN), ids.slice(SEEN));
    const rounds = traffic.seen.flatMap((_, round) => [
      traffic.request('product', round),
      traffic.request('availability', round),
    ]);
    const others = (['listing', 'duplicate'] as const).map((route) => traffic.request(route));
    for (const { path, body, headers = {} } of [...rounds, ...others]) {
      const init = body === undefined ? {} : { method: 'POST', body, headers };
      // On a busy machine a dependency can time out: retry, because only known responses can be served later.
      await eventually(async () => (await httpFetch(url + path, init)).status === 200 || undefined);
    }
    return traffic;
  }

  /** How many of the new events are recorded, and how many of their products exist. */
  async countApplied(database: Database): Promise<{ recorded: number; applied: number }> {
    const skus = [...this.events.values()].map(
      (body) => (JSON.parse(body) as { data: { sku: string } }).data.sku,
    );
    const [counts] = await database.query<{ recorded: number; applied: number }>(
      `SELECT (SELECT count(*)::int FROM webhook_events WHERE id = ANY($1)) AS recorded,
         (SELECT count(*)::int FROM products WHERE sku = ANY($2)) AS applied`,
      [[...this.events.keys()], skus],
    );
    return counts ?? { recorded: 0, applied: 0 };
  }

  /** The next request. */
  next(): Call {
    const route = ROUTES[this.sent % ROUTES.length] ?? 'live';
    const round = Math.floor(this.sent / ROUTES.length);
    this.sent += 1;
    return { route, ...this.request(route, round) };
  }

  /** A request for this route; `round` selects the seen product. */
  request(route: Route, round = 0): Omit<Call, 'route'> {
    const seen = this.seen[round % SEEN] ?? '';
    switch (route) {
      case 'listing':
        return { path: '/api/products' };
      case 'unseen listing':
        return { path: `/api/products?maxPrice=${(unseenListings += 1)}` };
      case 'product':
        return { path: `/api/products/${seen}` };
      case 'unseen product':
        return { path: `/api/products/${this.nextUnseen()}` };
      case 'availability':
        return { path: `/api/products/${seen}/availability` };
      case 'unseen availability':
        return { path: `/api/products/${this.nextUnseen()}/availability` };
      case 'event': {
        const [id, body] = [randomUUID(), newProduct()];
        this.events.set(id, body);
        return webhook(id, body);
      }
      case 'duplicate':
        return this.known;
      case 'live':
      case 'ready':
        return { path: `/health/${route}` };
      case 'health':
      case 'metrics':
        return { path: `/${route}` };
    }
  }

  private nextUnseen(): string {
    const id = this.unseen.pop();
    if (id === undefined) throw new Error('All products have been seen');
    return id;
  }
}

function newProduct(): string {
  return JSON.stringify(upserted(randomUUID(), 1));
}

function webhook(id: string, body: string): Omit<Call, 'route'> {
  return { path: '/api/webhooks/catalog', body, headers: signatureHeaders(body, { id }) };
}
