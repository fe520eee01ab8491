import { DEFAULT_LIMIT, listingPath, MAX_LIMIT } from '../src/products/listing.js';
import { type Order, ORDERS, type Sort, SORTS } from '../src/products/sort.js';
import type { Catalog, Filter } from './catalog.js';
import type { CheckedRequest } from './load/load.js';
import { checkPage } from './pages.js';
import { pick } from './statistics.js';

const DEPTHS = ['first', 'middle', 'deepest'] as const;
type Depth = (typeof DEPTHS)[number];

export interface SortedFilter {
  readonly filter: Filter;
  readonly sorts: readonly Sort[];
}

/** A request for a page, with the kind of page (filter, sort, order, depth) that it belongs to. */
export interface MixedPage extends CheckedRequest {
  readonly filter: string;
  readonly sort: Sort;
  readonly order: Order;
  readonly depth: Depth;
  readonly limit: number;
}

/** Eight of ten requests have the default limit. */
const LIMITS = [...Array.from({ length: 8 }, () => DEFAULT_LIMIT), 1, MAX_LIMIT];
/** Pages of a kind for each of the limits. */
const VARIATIONS = 4;

/** A price range between two quantiles of the prices of a base filter. */
type Range = readonly [name: string, base: keyof Bases, from: number, to: number];
type Bases = Readonly<Record<'all' | 'large' | 'small', Filter>>;

const INDEXED: readonly Range[] = [
  ['price, half of all', 'all', 0.25, 0.75],
  ['price, 1 in 100', 'all', 0.8, 0.81],
  ['price, 1 in 10,000', 'all', 0.9, 0.9001],
  ['large category + price, half of it', 'large', 0.25, 0.75],
  ['small category + price, 1 in 100 of it', 'small', 0.5, 0.51],
];
const UNINDEXED: readonly Range[] = [
  ['half of all', 'all', 0.25, 0.75],
  ['1 in 100', 'all', 0.8, 0.81],
  ['1 in 10,000', 'all', 0.9, 0.9001],
  ['the most expensive 1 in 100', 'all', 0.99, 1],
  // Slightly more products than are sorted at once, all of them far from where most names begin.
  ['the most expensive 1 in 200', 'all', 0.995, 1],
  ['the cheapest 1 in 100', 'all', 0, 0.01],
  ['large category, half of it', 'large', 0.25, 0.75],
  ['large category, the most expensive 1 in 100 of it', 'large', 0.99, 1],
  ['small category, half of it', 'small', 0.25, 0.75],
];

/** Filters under the sorts for which one index contains the listing. */
export async function indexedFilters(catalog: Catalog): Promise<SortedFilter[]> {
  const { all, large, small } = await baseFilters(catalog);
  const byPrice = await priceFilters(catalog, INDEXED, ['price']);
  return [...[all, large, small].map((filter) => ({ filter, sorts: SORTS })), ...byPrice];
}

/** Price ranges under another sort, for which no index contains the listing. */
export async function unindexedFilters(catalog: Catalog): Promise<SortedFilter[]> {
  const sorts = SORTS.filter((sort) => sort !== 'price');
  return await priceFilters(catalog, UNINDEXED, sorts);
}

async function priceFilters(catalog: Catalog, ranges: readonly Range[], sorts: readonly Sort[]) {
  const bases = await baseFilters(catalog);
  const filters: SortedFilter[] = [];
  for (const [name, base, from, to] of ranges) {
    filters.push({ filter: await catalog.prices(bases[base], name, from, to), sorts });
  }
  return filters;
}

async function baseFilters(catalog: Catalog): Promise<Bases> {
  const [large, small] = await catalog.categories();
  return {
    all: { name: 'none' },
    large: { name: 'large category', category: large },
    small: { name: 'small category', category: small },
  };
}

/** Pages of all listings, grouped by kind. Each has to be read from PostgreSQL. */
export async function kindsOf(
  catalog: Catalog,
  listings: readonly SortedFilter[],
): Promise<MixedPage[][]> {
  const kinds: MixedPage[][] = [];
  for (const { filter, sorts } of listings) {
    const total = await catalog.count(filter);
    for (const sort of sorts) kinds.push(...(await kindsOfListing(catalog, filter, sort, total)));
  }
  return kinds;
}

async function kindsOfListing(catalog: Catalog, filter: Filter, sort: Sort, total: number) {
  const limits = Array.from({ length: VARIATIONS }, () => LIMITS).flat();
  const kinds = ORDERS.flatMap((order) =>
    DEPTHS.map((depth) =>
      limits
        .map((limit) => ({ order, depth, limit, before: rowsBefore(depth, total, limit) }))
        .filter(({ before }) => depth === 'first' || (before > 0 && before < total)),
    ),
  ).filter((kind) => kind.length > 0);

  const positionOf = (order: Order, before: number) =>
    order === 'asc' ? before : total + 1 - before;
  const positions = kinds.flat().map(({ order, before }) => positionOf(order, before));
  const cursors = await catalog.cursors(filter, sort, positions);

  const { name, ...parameters } = filter;
  return kinds.map((kind) =>
    kind.map(({ order, depth, limit, before }) => {
      const cursor = cursors.get(positionOf(order, before));
      const rows = Math.min(limit, total - before);
      return {
        ...{ filter: name, sort, order, depth, limit },
        path: listingPath({ limit, sort, order, cursor, ...parameters }),
        check: checkPage(rows, total - before <= limit, 'MISS'),
      };
    }),
  );
}

/** How many rows come before a page. */
function rowsBefore(depth: Depth, total: number, limit: number): number {
  if (depth === 'first') return 0;
  return depth === 'deepest' ? total - limit : Math.floor(total * (0.3 + 0.4 * Math.random()));
}

/** A page is not requested again within as many requests, because a cache keeps it for a millisecond. */
const DISTINCT = 50;

/** Picks requests at random: a kind first, so that all kinds are equally frequent, then a page of it. */
export function picking(kinds: readonly (readonly MixedPage[])[]): () => MixedPage {
  const recent: string[] = [];
  return () => {
    let page = pick(pick(kinds));
    while (recent.includes(page.path)) page = pick(pick(kinds));
    recent.push(page.path);
    if (recent.length > DISTINCT) recent.shift();
    return page;
  };
}
