import { describe, expect, it } from '@jest/globals';

import { seedArguments } from './seed-arguments.js';
import { SeedFailure } from './seed-failure.js';
import { DEFAULT_BATCH } from './seed-products.js';

describe('The arguments of the seed', () => {
  it('are a count and a batch', () => {
    expect(seedArguments(['--count', '100000000', '--batch', '500'])).toEqual({
      count: 100_000_000,
      batch: 500,
    });
    expect(seedArguments(['--count=1'])).toEqual({ count: 1, batch: DEFAULT_BATCH });
  });

  it.each([
    ['--count', []],
    ['--count', ['--count']],
    ['--count', ['--count', '']],
    ['--count', ['--count', '0']],
    ['--count', ['--count', '-5']],
    ['--count', ['--count', '1e6']],
    ['--count', ['--count', '1.5']],
    ['--count', ['--count', '100000001']],
    ['--batch', ['--count', '5', '--batch', '0']],
    ['--batch', ['--count', '5', '--batch', 'many']],
    ['--cuont', ['--cuont', '5']],
    ['500', ['500']],
  ])('are refused in one line that names %s: %j', (named, args) => {
    const attempt = (): unknown => seedArguments(args);
    expect(attempt).toThrow(SeedFailure);
    expect(attempt).toThrow(new RegExp(`^.*${named}.*$`));
  });
});
