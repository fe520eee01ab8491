import type { Catalogue } from './catalogue.js';
import type { PageRequest } from './page-request.js';

const POPULAR = 100;
/** Of the requests, how many are for a popular page; the others are for any page there is. */
const POPULAR_PART = 0.8;
const PAGE = 20;

/** Pages as households ask for them: some again and again, others hardly ever. */
export class PopularPages {
  private readonly popular: readonly PageRequest[];

  private constructor(private readonly total: number) {
    this.popular = Array.from({ length: POPULAR }, () => this.any());
  }

  static async of(catalogue: Catalogue): Promise<PopularPages> {
    return new PopularPages(await catalogue.count({ name: 'none' }));
  }

  /** Any page there is. */
  any(limit = PAGE): PageRequest {
    const cursor = Math.floor(Math.random() * (this.total - 200));
    return { path: `/api/products?limit=${limit}&cursor=${cursor}`, rows: limit, last: false };
  }

  /** A popular page, mostly. */
  next(): PageRequest {
    const popular =
      Math.random() < POPULAR_PART ? this.popular[Math.floor(Math.random() * POPULAR)] : undefined;
    return popular ?? this.any();
  }
}
