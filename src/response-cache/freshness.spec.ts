import { describe, expect, it } from '@jest/globals';

import type { Environment } from '../config/environment.js';
import type { CacheVersion } from './cache-version.js';
import type { StoredResponse } from './cached-response.js';
import { Freshness } from './freshness.js';

const ENVIRONMENT = { CACHE_TTL_MS: 30_000, CACHE_STALE_MS: 600_000 } as Environment;

function freshness(shared = true): Freshness {
  return new Freshness({ shared } as CacheVersion, ENVIRONMENT);
}

function read(secondsAgo: number, version = 'current'): StoredResponse {
  return { version, readAt: Date.now() - secondsAgo * 1000 } as StoredResponse;
}

describe(Freshness.name, () => {
  it.each([
    ['fresh', 25],
    ['stale', 35],
    ['expired', 65],
    // The clock of the replica that read the response is ahead.
    ['fresh', -25],
    ['stale', -35],
    ['expired', -65],
  ])('finds a response %s that was read %d seconds ago', (state, age) => {
    expect(freshness().of(read(age), 'current')).toBe(state);
  });

  it('finds a response of another version expired at any age', () => {
    expect(freshness().of(read(0, 'former'), 'current')).toBe('expired');
  });

  it('finds no response stale while the replicas share no version', () => {
    expect(freshness(false).of(read(35), 'current')).toBe('expired');
  });

  it('serves any response up to CACHE_STALE_MS instead of an error', () => {
    expect(freshness().isServableOnError(read(590, 'former'))).toBe(true);
    expect(freshness().isServableOnError(read(610))).toBe(false);
  });
});
