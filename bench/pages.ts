import { DEFAULT_LIMIT } from '../src/products/listing.js';
import type { Catalog } from './catalog.js';
import type { CheckedRequest } from './load/load.js';
import type { LoadResponse } from './load/response.js';
import { pick } from './statistics.js';

/** A page of 20 products. */
export const PAGE = '/api/products?limit=20&cursor=20';

const POPULAR_PAGES = 100;
/** The share of requests that are for a popular page. */
const POPULAR_SHARE = 0.8;

/** Pages in the default order, at random positions. */
export class Pages {
  readonly popular: readonly CheckedRequest[];

  private constructor(private readonly products: number) {
    this.popular = Array.from({ length: POPULAR_PAGES }, () => this.any());
  }

  static async of(catalog: Catalog): Promise<Pages> {
    return new Pages(await catalog.count({ name: 'none' }));
  }

  any(limit = DEFAULT_LIMIT): CheckedRequest {
    const cursor = Math.floor(Math.random() * (this.products - 200));
    return { path: `/api/products?limit=${limit}&cursor=${cursor}`, check: checkPage(limit) };
  }

  /** Mostly one of the popular pages. */
  next(): CheckedRequest {
    return Math.random() < POPULAR_SHARE ? pick(this.popular) : this.any();
  }
}

/** Checks the number of products and `nextCursor`, so that no error is measured as a fast page. */
export function checkPage(rows: number, isLast = false, cache?: 'MISS') {
  return ({ status, head, body }: LoadResponse): string | undefined => {
    if (status !== 200) return `status ${status}`;
    const page = JSON.parse(body.toString()) as { data: unknown[]; nextCursor: unknown };
    if (page.data.length !== rows) return `${page.data.length} products instead of ${rows}`;
    if ((page.nextCursor === null) !== isLast) return 'wrong nextCursor';
    const actual = /\nx-cache: *(\w+)/i.exec(head)?.[1];
    return cache === undefined || actual === cache ? undefined : `X-Cache: ${String(actual)}`;
  };
}

/** Requires a 200 whose body has one of these values in a field. */
export function expectField(field: string, values: readonly unknown[]) {
  return ({ status, body }: LoadResponse): string | undefined => {
    if (status !== 200) return `status ${status}`;
    const value = (JSON.parse(body.toString()) as Record<string, unknown>)[field];
    return values.includes(value) ? undefined : `${field}: ${String(value)}`;
  };
}
