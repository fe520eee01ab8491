import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';

import { Environment } from '../config/environment.js';
import { dependencyUnavailable, isUnavailable, Problem } from '../problems/problem.js';
import { loopClock } from '../resilience/loop-clock.js';
import { SingleFlight } from '../resilience/single-flight.js';
import { CacheVersion } from '../response-cache/cache-version.js';
import { BatchReader } from './batch-reader.js';
import { ProductsRepository } from './products.repository.js';

/** About 4 MB. */
const MAX_CACHED = 20_000;
/**
 * Two statements at a time: PostgreSQL works on one while this process reads the rows of the other. More statements would
 * only hold fewer ids each. The bound on waiting ids matters while PostgreSQL does not answer.
 */
const BATCHES = { maxBatch: 100, concurrency: 2, maxWaiting: 2000 };
/** Milliseconds that a lookup waits for PostgreSQL when an expired sku is cached. A healthy one answers in a few. */
const SOFT_TIMEOUT_MS = 250;

interface CachedSku {
  readonly sku: string;
  /** The {@link CacheVersion} before the read. */
  readonly version: string;
  /** In the time of `performance.now()`. */
  readonly readAt: number;
}

/**
 * Finds the sku of a product by its id, in memory or in PostgreSQL.
 *
 * A sku is fresh for `CACHE_TTL_MS` while the catalog does not change. Afterwards it is used only while PostgreSQL is
 * unavailable, for up to `CACHE_STALE_MS`.
 */
@Injectable()
export class SkuLookup {
  private readonly cache = new LRUCache<string, CachedSku>({ max: MAX_CACHED });
  private readonly reads = new SingleFlight<string | undefined>();
  private readonly batches: BatchReader<string>;

  constructor(
    repository: ProductsRepository,
    private readonly version: CacheVersion,
    private readonly environment: Environment,
  ) {
    this.batches = new BatchReader((ids, since) => repository.skus(ids, since), BATCHES);
  }

  /**
   * The key by which producers and partners know a product. Lookups that run at the same time share statements.
   *
   * @throws Problem `not-found` when no product has this id.
   * @throws Problem `dependency-unavailable` when PostgreSQL does not answer and no sku is cached.
   * @throws Problem `overloaded` when too many lookups wait and no sku is cached.
   */
  async find(id: string): Promise<string> {
    const version = await this.version.current();
    const cached = this.cache.get(id);
    if (cached !== undefined && this.isFresh(cached, version)) {
      return cached.sku;
    }
    const fallback =
      cached !== undefined && this.isServableOnError(cached) ? cached.sku : undefined;
    try {
      // The version keeps a lookup from joining a read that began before a change of the catalog.
      const read = this.reads.run(`${version} ${id}`, () => this.read(id, version));
      const sku = await (fallback === undefined ? read : withSoftTimeout(read));
      if (sku === undefined) {
        throw new Problem('not-found', `There is no product with the id ${id}.`);
      }
      return sku;
    } catch (error) {
      if (fallback === undefined || !isUnavailable(error)) {
        throw error;
      }
      return fallback;
    }
  }

  private async read(id: string, version: string): Promise<string | undefined> {
    const readAt = performance.now();
    const sku = await this.batches.read(id);
    if (sku === undefined) {
      // A deleted product must not come back when PostgreSQL fails.
      this.cache.delete(id);
    } else if (version === this.version.known) {
      // After a change, a later read may have found the product deleted.
      this.cache.set(id, { sku, version, readAt });
    }
    return sku;
  }

  private isFresh({ version, readAt }: CachedSku, current: string): boolean {
    return version === current && performance.now() - readAt < this.environment.CACHE_TTL_MS;
  }

  private isServableOnError({ readAt }: CachedSku): boolean {
    return performance.now() - readAt < this.environment.CACHE_STALE_MS;
  }
}

function withSoftTimeout<Value>(value: Promise<Value>): Promise<Value> {
  return loopClock.limit(value, SOFT_TIMEOUT_MS, () =>
    dependencyUnavailable('The catalog does not answer in time.'),
  );
}
