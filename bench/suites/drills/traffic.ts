import { SECRET } from '../../../test/support/signed-event.js';
import type { Catalog } from '../../catalog.js';
import type { CheckedRequest } from '../../load/load.js';
import { expectField, Pages } from '../../pages.js';
import { pick } from '../../statistics.js';
import { newEvent, signed, type WebhookEvent } from '../../webhook-events.js';

export const ROUTES = [
  'cached page',
  'any page',
  'product',
  'availability',
  'new webhook',
  'repeated webhook',
  '/health/live',
  '/health/ready',
  '/health',
  '/metrics',
] as const;
export type Route = (typeof ROUTES)[number];

/** A request; its check fails for everything but the response of a service without any outage. */
export interface RoutedRequest extends CheckedRequest {
  readonly route: Route;
}

const PRODUCTS = 1000;
/** Few, so that most events carry an older revision than the product has and invalidate no page. */
const EVENT_PRODUCTS = 50;
const MAX_SENT_EVENTS = 1000;
/** An event is repeated only after its first request has ended. */
const REPEAT_AFTER_MS = 20_000;

/** Requests of clients, of API B, of load balancers and of Prometheus. */
export class Traffic {
  /** Makes a replica accept the events. */
  static readonly environment = { WEBHOOK_SECRETS: SECRET };

  private readonly sentEvents: (WebhookEvent & { readonly sentAt: number })[] = [];

  private constructor(
    private readonly pages: Pages,
    private readonly products: readonly string[],
  ) {}

  static async of(catalog: Catalog): Promise<Traffic> {
    return new Traffic(await Pages.of(catalog), await catalog.ids(PRODUCTS));
  }

  /** Picks requests at random; each route is as frequent as its weight. */
  mix(weights: Readonly<Partial<Record<Route, number>>>): () => RoutedRequest {
    const routes = ROUTES.flatMap((route) => Array<Route>(weights[route] ?? 0).fill(route));
    return () => this.requestOf(pick(routes));
  }

  anyPage(limit?: number): RoutedRequest {
    return { route: 'any page', ...this.pages.any(limit) };
  }

  private requestOf(route: Route): RoutedRequest {
    switch (route) {
      case 'cached page':
        return { route, ...pick(this.pages.popular) };
      case 'any page':
        return this.anyPage();
      case 'product': {
        const id = pick(this.products);
        return { route, path: `/api/products/${id}`, check: expectField('id', [id]) };
      }
      case 'availability': {
        const path = `/api/products/${pick(this.products)}/availability`;
        return { route, path, check: expectField('stale', [false]) };
      }
      case 'new webhook':
        return this.newWebhook();
      case 'repeated webhook':
        return this.repeatedWebhook();
      case '/health':
        return { route, path: route, check: expectField('status', ['ok']) };
      case '/health/live':
      case '/health/ready':
      case '/metrics':
        return { route, path: route };
    }
  }

  private newWebhook(): RoutedRequest {
    const event = { ...newEvent(EVENT_PRODUCTS), sentAt: performance.now() };
    this.sentEvents.push(event);
    if (this.sentEvents.length > MAX_SENT_EVENTS) this.sentEvents.shift();
    return { route: 'new webhook', ...signed(event), check: expectField('status', ['processed']) };
  }

  private repeatedWebhook(): RoutedRequest {
    const sentBefore = performance.now() - REPEAT_AFTER_MS;
    const events = this.sentEvents.filter(({ sentAt }) => sentAt < sentBefore);
    if (events.length === 0) return this.newWebhook();
    const check = expectField('status', ['duplicate', 'processed']);
    return { route: 'repeated webhook', ...signed(pick(events)), check };
  }
}
