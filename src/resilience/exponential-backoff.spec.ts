import { describe, expect, it } from '@jest/globals';

import { exponentialBackoff } from './exponential-backoff.js';

describe(exponentialBackoff.name, () => {
  it.each([
    [1, 100],
    [2, 200],
    [4, 800],
    [5, 1000],
    [5000, 1000],
  ])('doubles the delay with each attempt up to the maximum: attempt %d', (attempt, delay) => {
    expect(exponentialBackoff(attempt, { minMs: 100, maxMs: 1000 })).toBe(delay);
  });

  it.each([
    [0.5, 400, 800],
    [1, 0, 800],
  ])('makes a part of %d of the delay random', (jitter, least, most) => {
    const delays = Array.from({ length: 1000 }, () =>
      exponentialBackoff(4, { minMs: 100, maxMs: 10_000, jitter }),
    );
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(least);
    expect(Math.max(...delays)).toBeLessThanOrEqual(most);
    expect(new Set(delays).size).toBeGreaterThan(900);
  });
});
