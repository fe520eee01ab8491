import { randomUUID } from 'node:crypto';

import { httpFetch } from './http.js';
import type { Database } from './database.js';
import { eventually } from './eventually.js';
import { insertProducts } from './products.js';
import { signatureHeaders, upserted } from './signed-event.js';

/** In the order in which they take turns. What is unseen is asked for once: no cache has it. */
export const ROUTES = [
  'listing',
  'unseen listing',
  'product',
  'unseen product',
  // Again, before an event has made it old.
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

/** A request. */
export interface Call {
  readonly route: Route;
  readonly path: string;
  /** Sent with POST; without it, it is a GET. */
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Products that were asked for before. Each takes its turn when its stock is not fresh any more. */
const SEEN = 20;
const UNSEEN = 5000;

let unseenListings = 0;

/** What households, a partner and probes ask of a service, on every route. */
export class Traffic {
  /** The events that were sent as new ones, by their ids. */
  readonly events = new Map<string, string>();
  private readonly known = webhook(randomUUID(), newProduct());
  private sent = 0;

  private constructor(
    readonly url: string,
    private readonly seen: readonly string[],
    private readonly unseen: string[],
  ) {}

  /** Makes a service that is ready see what is to be seen. */
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
      // A busy machine can keep a dependency waiting: what is not known now is not served later.
      await eventually(async () => (await httpFetch(url + path, init)).status === 200 || undefined);
    }
    return traffic;
  }

  /** Of the events that were sent as new ones, how many are recorded, and how many of their products are there. */
  async taken(database: Database): Promise<{ recorded: number; applied: number }> {
    const skus = [...this.events.values()].map(
      (body) => (JSON.parse(body) as { data: { sku: string } }).data.sku,
    );
    const [taken] = await database.query<{ recorded: number; applied: number }>(
      `SELECT (SELECT count(*)::int FROM webhook_events WHERE id = ANY($1)) AS recorded,
         (SELECT count(*)::int FROM products WHERE sku = ANY($2)) AS applied`,
      [[...this.events.keys()], skus],
    );
    return taken ?? { recorded: 0, applied: 0 };
  }

  /** The next request. */
  next(): Call {
    const route = ROUTES[this.sent % ROUTES.length] ?? 'live';
    const round = Math.floor(this.sent / ROUTES.length);
    this.sent += 1;
    return { route, ...this.request(route, round) };
  }

  /** A request on this route; `round` tells which of those that were seen. */
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
        return { path: `/api/products/${this.another()}` };
      case 'availability':
        return { path: `/api/products/${seen}/availability` };
      case 'unseen availability':
        return { path: `/api/products/${this.another()}/availability` };
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

  private another(): string {
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
