import { SECRET } from '../test/support/signed-event.js';
import type { Call, Route } from './call.js';
import type { Catalogue } from './catalogue.js';
import { type Event, newEvent, signed } from './events.js';
import { type Answer, faultOf, type PageRequest } from './page-request.js';
import { PopularPages } from './popular-pages.js';

const CACHED_PAGES = 50;
const PRODUCTS = 1000;
/** Few, so that most events bring an older revision than one before and make no page old. */
const EVENT_PRODUCTS = 50;
/** Events that may come again: so many of the last ones, once they have had their answer for certain. */
const REMEMBERED_EVENTS = 1000;
const ANSWERED_AFTER_MS = 20_000;

interface SentEvent extends Event {
  readonly sentAt: number;
}

/** What partners and households, balancers and dashboards ask for. */
export class Calls {
  /** What makes a replica take the events. */
  static readonly environment = { WEBHOOK_SECRETS: SECRET };

  private readonly popular: readonly PageRequest[];
  private readonly events: SentEvent[] = [];

  private constructor(
    private readonly pages: PopularPages,
    private readonly products: readonly string[],
  ) {
    this.popular = Array.from({ length: CACHED_PAGES }, () => pages.any());
  }

  static async of(catalogue: Catalogue): Promise<Calls> {
    return new Calls(await PopularPages.of(catalogue), await catalogue.ids(PRODUCTS));
  }

  /** One of a few pages that are asked for all the time, and so are in the caches. */
  cachedPage(): Call {
    return page('cached page', pick(this.popular));
  }

  /** A page that has hardly been asked for before. */
  anyPage(limit?: number): Call {
    return page('any page', this.pages.any(limit));
  }

  product(): Call {
    const id = pick(this.products);
    return {
      route: 'product',
      path: `/api/products/${id}`,
      faultOf: unless200(({ body }) => (json(body).id === id ? undefined : 'another product')),
    };
  }

  availability(): Call {
    return {
      route: 'availability',
      path: `/api/products/${pick(this.products)}/availability`,
      faultOf: unless200(({ body }) => (json(body).stale === false ? undefined : 'stale')),
    };
  }

  newEvent(): Call {
    const sent = newEvent(EVENT_PRODUCTS);
    this.events.push({ ...sent, sentAt: performance.now() });
    if (this.events.length > REMEMBERED_EVENTS) this.events.shift();
    return event('new webhook', sent, ['processed']);
  }

  /** An event once more, whether it was taken or not. */
  eventAgain(): Call {
    const now = performance.now();
    const answered = this.events.filter(({ sentAt }) => now - sentAt > ANSWERED_AFTER_MS);
    if (answered.length === 0) return this.newEvent();
    return event('webhook again', pick(answered), ['duplicate', 'processed']);
  }

  /** A route that asks nothing of anyone. */
  probe(route: '/health/live' | '/health/ready' | '/metrics'): Call {
    return { route, path: route, faultOf: unless200() };
  }

  health(): Call {
    return {
      route: '/health',
      path: '/health',
      faultOf: unless200(({ body }) => (json(body).status === 'ok' ? undefined : 'degraded')),
    };
  }
}

/** Draws calls at random, each kind as often as its part of all says. */
export function mixing(kinds: readonly (readonly [number, () => Call])[]): () => Call {
  const whole = kinds.reduce((sum, [part]) => sum + part, 0);
  return () => {
    let place = Math.random() * whole;
    const kind = kinds.find(([part]) => (place -= part) < 0) ?? kinds[0];
    if (kind === undefined) {
      throw new RangeError('There is nothing to draw from');
    }
    return kind[1]();
  };
}

function page(route: Route, request: PageRequest): Call {
  return { route, path: request.path, faultOf: (answer) => faultOf(answer, request) };
}

function event(route: Route, sent: Event, statuses: readonly string[]): Call {
  return {
    route,
    ...signed(sent),
    faultOf: unless200((answer) => {
      const status = String(json(answer.body).status);
      return statuses.includes(status) ? undefined : status;
    }),
  };
}

function unless200(further: (answer: Answer) => string | undefined = () => undefined) {
  return (answer: Answer): string | undefined =>
    answer.status === 200 ? further(answer) : `status ${answer.status}`;
}

function json(body: Buffer): Record<string, unknown> {
  return JSON.parse(body.toString()) as Record<string, unknown>;
}

function pick<Item>(items: readonly Item[]): Item {
  const item = items[Math.floor(Math.random() * items.length)];
  if (item === undefined) {
    throw new RangeError('There is nothing to draw from');
  }
  return item;
}
