/** What was measured of one request. */
export interface Measured {
  /** Milliseconds. */
  readonly latency: number;
  /** What was wrong with the answer; absent when it was right. */
  readonly fault?: string;
}

/** Latencies in milliseconds. */
export interface Summary {
  readonly requests: number;
  readonly errors: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** A request that failed counts with the time that it took to fail. */
export function summarise(samples: readonly Measured[]): Summary {
  const latencies = samples.map(({ latency }) => latency).sort((a, b) => a - b);
  return {
    requests: samples.length,
    errors: samples.filter(({ fault }) => fault !== undefined).length,
    p50: percentile(latencies, 0.5),
    p95: percentile(latencies, 0.95),
    p99: percentile(latencies, 0.99),
    max: percentile(latencies, 1),
  };
}

/** What was wrong, each fault once with how often it happened. */
export function faults(samples: readonly Measured[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { fault } of samples) {
    if (fault !== undefined) counts[fault] = (counts[fault] ?? 0) + 1;
  }
  return counts;
}

/** The value of the nearest rank, to a hundredth. */
export function percentile(sorted: readonly number[], part: number): number {
  const value = sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN;
  return Math.round(value * 100) / 100;
}

/** The value in the middle; of an even number of them, the upper one there. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
