import { describe, expect, it } from '@jest/globals';

import { seedArguments } from './seed-arguments.js';
import { SeedFailure } from './seed-failure.js';
import { DEFAULT_BATCH_SIZE } from './seed-products.js';

describe(seedArguments.name, () => {
  it('parses the count and the batch size', () => {
    expect(seedArguments(['--count', '100000000', '--batch', '500'])).toEqual({
      count: 100_000_000,
      batch: 500,
    });
    expect(seedArguments(['--count=1'])).toEqual({ count: 1, batch: DEFAULT_BATCH_SIZE });
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
  ])('rejects in one line that names %s the arguments %j', (named, args) => {
    const attempt = (): unknown => seedArguments(args);
    expect(attempt).toThrow(SeedFailure);
    expect(attempt).toThrow(new RegExp(`^.*${named}.*$`));
  });
});
