import { DEFAULT_LIMIT, type Listing, listingPath, MAX_LIMIT } from '../src/products/listing.js';
import { type Order, ORDERS, type Sort, SORTS } from '../src/products/sort.js';
import type { Catalogue, Filter } from './catalogue.js';
import type { PageRequest } from './page-request.js';

export const DEPTHS = ['first', 'middle', 'deepest'] as const;
export type Depth = (typeof DEPTHS)[number];

/** A filter and the sorts that it is asked for under. */
export interface SortedFilter {
  readonly filter: Filter;
  readonly sorts: readonly Sort[];
}

/** A request that knows what it is an example of. */
export interface PageRow extends PageRequest {
  readonly filter: string;
  readonly sort: Sort;
  readonly order: Order;
  readonly depth: Depth;
  readonly limit: number;
}

/** Most clients take the default; some want one product or as many as they can get. */
export const LIMITS = [...Array.from({ length: 8 }, () => DEFAULT_LIMIT), 1, MAX_LIMIT];
/** How often each of the limits occurs among the pages of a kind: in the middle, each time elsewhere. */
const VARIATIONS = 4;

/** Filters of all sizes, under the sorts for which one index holds the listing. */
export async function indexedFilters(catalogue: Catalogue): Promise<SortedFilter[]> {
  const { large, small, lone } = await categories(catalogue);
  const all = { name: 'none' };
  const anySort = [all, large, small, lone];
  const byPrice = [
    await catalogue.prices(all, 'price, half of all', 0.25, 0.75),
    await catalogue.prices(all, 'price, 1 in 100', 0.8, 0.81),
    await catalogue.prices(all, 'price, 1 in 10,000', 0.9, 0.9001),
    await catalogue.lonePrice('price, one product'),
    await catalogue.priceGap('price, nothing'),
    await catalogue.prices(large, 'large category + price, half of it', 0.25, 0.75),
    await catalogue.prices(small, 'small category + price, 1 in 100 of it', 0.5, 0.51),
  ];
  return [
    ...anySort.map((filter) => ({ filter, sorts: SORTS })),
    ...byPrice.map((filter) => ({ filter, sorts: ['price'] as const })),
  ];
}

/** Price ranges of all sizes under another sort, which no index holds. */
export async function acrossFilters(catalogue: Catalogue): Promise<SortedFilter[]> {
  const { large, small, dear } = await categories(catalogue);
  const all = { name: 'none' };
  const filters = [
    await catalogue.prices(all, 'half of all', 0.25, 0.75),
    await catalogue.prices(all, '1 in 10', 0.4, 0.5),
    await catalogue.prices(all, '1 in 100', 0.8, 0.81),
    await catalogue.prices(all, '1 in 1,000', 0.9, 0.901),
    await catalogue.prices(all, '1 in 10,000', 0.9, 0.9001),
    await catalogue.lonePrice('one product'),
    await catalogue.priceGap('nothing'),
    await catalogue.prices(all, 'the dearest 1 in 100', 0.99, 1),
    // Hardly more than what is sorted at once, and all of it far from where most names begin.
    await catalogue.prices(all, 'the dearest 1 in 200', 0.995, 1),
    await catalogue.prices(all, 'the dearest 1 in 1,000', 0.999, 1),
    await catalogue.prices(all, 'the cheapest 1 in 100', 0, 0.01),
    await catalogue.prices(large, 'large category, half of it', 0.25, 0.75),
    await catalogue.prices(large, 'large category, the dearest 1 in 100 of it', 0.99, 1),
    { ...large, name: 'large category, nothing', minPrice: '9999999999' },
    await catalogue.prices(dear, 'dear category, the dearest 1 in 10 of it', 0.9, 1),
    await catalogue.prices(small, 'small category, half of it', 0.25, 0.75),
  ];
  const sorts = SORTS.filter((sort) => sort !== 'price');
  return filters.map((filter) => ({ filter, sorts }));
}

async function categories(
  catalogue: Catalogue,
): Promise<Record<'large' | 'small' | 'lone' | 'dear', Filter>> {
  const found = await catalogue.categories();
  const dearest = found.reduce((a, b) => (Number(b.dearest) > Number(a.dearest) ? b : a));
  const filter = (name: string, category = ''): Filter => ({ name, category });
  return {
    large: filter('large category', found.at(0)?.category),
    small: filter('small category', found.at(-2)?.category),
    lone: filter('category, one product', found.at(-1)?.category),
    dear: filter('dear category', dearest.category),
  };
}

/** Pages of a listing in both directions, grouped by kind: order and depth. */
export async function listedPages(
  catalogue: Catalogue,
  filter: Filter,
  sort: Sort,
): Promise<PageRow[][]> {
  const total = await catalogue.count(filter);
  const kinds = ORDERS.flatMap((order) =>
    DEPTHS.map((depth) =>
      Array.from({ length: VARIATIONS }, () => LIMITS)
        .flat()
        .map((limit) => ({ order, depth, limit, seen: seenBefore(depth, total, limit) }))
        .filter(({ seen }) => depth === 'first' || (seen > 0 && seen < total)),
    ),
  ).filter((kind) => kind.length > 0);

  const position = (order: Order, seen: number) => (order === 'asc' ? seen : total + 1 - seen);
  const positions = kinds.flat().map(({ order, seen }) => position(order, seen));
  const places = await catalogue.places(filter, sort, new Set(positions));

  const { name, ...parameters } = filter;
  return kinds.map((kind) =>
    kind.map(({ order, depth, limit, seen }) => {
      const listing: Listing = { limit, sort, order, ...parameters };
      const cursor = places.get(position(order, seen));
      return {
        filter: name,
        sort,
        order,
        depth,
        limit,
        path: listingPath({ ...listing, cursor }),
        rows: Math.min(limit, total - seen),
        last: total - seen <= limit,
      };
    }),
  );
}

/** How many rows stand before a page. */
function seenBefore(depth: Depth, total: number, limit: number): number {
  switch (depth) {
    case 'first':
      return 0;
    case 'middle':
      return Math.floor(total * (0.3 + 0.4 * Math.random()));
    case 'deepest':
      return total - limit;
  }
}

/** A page is not asked for again among as many others: its lifetime in a cache is short, but not zero. */
const DISTINCT = 50;

/** Draws requests: all kinds equally often, and within a kind at random. */
export function drawing(kinds: readonly (readonly PageRow[])[]): () => PageRow {
  const recent: string[] = [];
  return () => {
    let page = pick(pick(kinds));
    while (recent.includes(page.path)) {
      page = pick(pick(kinds));
    }
    recent.push(page.path);
    if (recent.length > DISTINCT) recent.shift();
    return page;
  };
}

function pick<Item>(items: readonly Item[]): Item {
  const item = items[Math.floor(Math.random() * items.length)];
  if (item === undefined) {
    throw new RangeError('There is nothing to draw from');
  }
  return item;
}
