import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';

import { RetryBudget } from './retry-budget.js';

function allowedOf(budget: RetryBudget, attempts: number): number {
  return Array.from({ length: attempts }, () => budget.tryRetry()).filter(Boolean).length;
}

describe(RetryBudget.name, () => {
  it('allows the minimum of retries for the first requests', () => {
    const budget = new RetryBudget(0.2, 3, () => 0);
    budget.recordRequest();
    expect(allowedOf(budget, 10)).toBe(3);
  });

  it('allows a share of all requests', () => {
    const budget = new RetryBudget(0.2, 3, () => 0);
    budget.recordRequest();
    expect(budget.tryRetry()).toBe(true);
    for (let nth = 1; nth < 1000; nth += 1) budget.recordRequest();
    expect(allowedOf(budget, 1000)).toBe(199);
  });

  it('never exceeds the share, in any order of requests and retries', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 100, maxLength: 1000 }), (isRequest) => {
        const budget = new RetryBudget(0.2, 3, () => 0);
        let requests = 0;
        let retries = 0;
        for (const request of isRequest) {
          if (request) {
            budget.recordRequest();
            requests += 1;
          } else if (budget.tryRetry()) {
            retries += 1;
          }
          expect(retries).toBeLessThanOrEqual(Math.max(3, 0.2 * requests));
        }
      }),
    );
  });

  it('halves its counts within ten seconds', () => {
    let now = 0;
    const budget = new RetryBudget(0.2, 0, () => now);
    budget.recordRequest();
    expect(budget.tryRetry()).toBe(false);
    for (let nth = 1; nth < 1000; nth += 1) budget.recordRequest();
    now = 10_000;
    expect(allowedOf(budget, 1000)).toBe(100);
  });

  it('does not accumulate a budget while no retries are needed', () => {
    let now = 0;
    const budget = new RetryBudget(0.2, 3, () => now);
    for (; now < 60_000; now += 10) budget.recordRequest();
    expect(allowedOf(budget, 1000)).toBe(3);
  });
});
