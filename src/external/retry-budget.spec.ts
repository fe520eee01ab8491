import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';

import { RetryBudget } from './retry-budget.js';

function granted(budget: RetryBudget, asked: number): number {
  return Array.from({ length: asked }, () => budget.retry()).filter(Boolean).length;
}

describe(RetryBudget.name, () => {
  it('lets the first calls be retried', () => {
    const budget = new RetryBudget(0.2, 3, () => 0);
    budget.call();
    expect(granted(budget, 10)).toBe(3);
  });

  it('gives a share of the calls, the first ones included', () => {
    const budget = new RetryBudget(0.2, 3, () => 0);
    budget.call();
    expect(budget.retry()).toBe(true);
    for (let nth = 1; nth < 1000; nth += 1) budget.call();
    expect(granted(budget, 1000)).toBe(199);
  });

  it('never gives more than the share, in whatever order calls and retries come', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 100, maxLength: 1000 }), (isCall) => {
        const budget = new RetryBudget(0.2, 3, () => 0);
        let calls = 0;
        let retries = 0;
        for (const call of isCall) {
          if (call) {
            budget.call();
            calls += 1;
          } else if (budget.retry()) {
            retries += 1;
          }
          expect(retries).toBeLessThanOrEqual(Math.max(3, 0.2 * calls));
        }
      }),
    );
  });

  it('forgets: half after ten seconds', () => {
    let now = 0;
    const budget = new RetryBudget(0.2, 0, () => now);
    budget.call();
    expect(budget.retry()).toBe(false);
    for (let nth = 1; nth < 1000; nth += 1) budget.call();
    now = 10_000;
    expect(granted(budget, 1000)).toBe(100);
  });

  it('saves nothing up in good times', () => {
    let now = 0;
    const budget = new RetryBudget(0.2, 3, () => now);
    for (; now < 60_000; now += 10) budget.call();
    expect(granted(budget, 1000)).toBe(3);
  });
});
