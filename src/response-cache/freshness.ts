import { Injectable } from '@nestjs/common';

import { Environment } from '../config/environment.js';
import { CacheVersion } from './cache-version.js';
import type { StoredResponse } from './cached-response.js';

/**
 * - `fresh`: younger than `CACHE_TTL_MS`.
 * - `stale`: up to twice as old. It is served while it is revalidated (RFC 5861, stale-while-revalidate).
 * - `expired`: older, or read before an invalidation.
 */
export type FreshnessState = 'fresh' | 'stale' | 'expired';

/** Decides how long a response is served. */
@Injectable()
export class Freshness {
  constructor(
    private readonly version: CacheVersion,
    private readonly environment: Environment,
  ) {}

  /** @param currentVersion that of {@link CacheVersion}. */
  of({ version, readAt }: StoredResponse, currentVersion: string): FreshnessState {
    if (version !== currentVersion) {
      return 'expired';
    }
    // Clock skew between replicas can put `readAt` in the future.
    const age = Math.abs(Date.now() - readAt);
    const ttl = this.environment.CACHE_TTL_MS;
    if (age < ttl) {
      return 'fresh';
    }
    // Without Redis, a replica notices invalidations by others only when the TTL has passed.
    return age < 2 * ttl && this.version.shared ? 'stale' : 'expired';
  }

  /** Whether a response of any state may replace an error (RFC 5861, stale-if-error): up to `CACHE_STALE_MS`. */
  isServableOnError({ readAt }: StoredResponse): boolean {
    return Date.now() - readAt < this.environment.CACHE_STALE_MS;
  }
}
