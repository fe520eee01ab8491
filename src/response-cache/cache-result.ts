import type { CachedResponse, StoredResponse } from './cached-response.js';

/** A response and its cache status. */
export interface CacheResult {
  readonly response: CachedResponse;
  /** `MISS`: read from the database for this request. `HIT`: cached and fresh. `STALE`: cached, past its time to live. */
  readonly cache: 'HIT' | 'MISS' | 'STALE';
  /** Whole seconds since the response was read from the database. */
  readonly age: number;
  /** Where the response was found. */
  readonly layer: 'memory' | 'redis' | 'database';
}

export function cacheResult(
  response: StoredResponse,
  cache: CacheResult['cache'],
  layer: CacheResult['layer'],
): CacheResult {
  const age = Math.max(0, Math.floor((Date.now() - response.readAt) / 1000));
  return { response, cache, layer, age };
}
