/** Latencies in milliseconds. */
export interface Latency {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** How often something happened, by its name. */
export type Counts = Readonly<Record<string, number>>;

export function summarize(latencies: readonly number[]): Latency {
  const sorted = latencies.toSorted((a, b) => a - b);
  const [p50, p95] = [percentile(sorted, 0.5), percentile(sorted, 0.95)];
  return { p50, p95, p99: percentile(sorted, 0.99), max: percentile(sorted, 1) };
}

export function latencyOf(outcomes: readonly { readonly latency: number }[]): Latency {
  return summarize(outcomes.map(({ latency }) => latency));
}

export function faultsOf(outcomes: readonly { readonly fault?: string }[]): Counts {
  return countBy(outcomes.flatMap(({ fault }) => fault ?? []));
}

export function countBy(names: readonly (string | number)[]): Counts {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

export function totalOf(counts: Counts): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

export function groupBy<Item>(items: readonly Item[], key: (item: Item) => string) {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const group = groups.get(key(item)) ?? [];
    groups.set(key(item), group);
    group.push(item);
  }
  return groups;
}

/** The nearest-rank percentile, rounded to a hundredth; NaN without values. */
function percentile(sorted: readonly number[], part: number): number {
  return toHundredths(sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN);
}

/** The middle value; the upper one of two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export function toHundredths(value: number): number {
  return Math.round(value * 100) / 100;
}

export function pick<Item>(items: readonly Item[]): Item {
  const item = items[Math.floor(Math.random() * items.length)];
  if (item === undefined) throw new RangeError('There is nothing to pick from');
  return item;
}
