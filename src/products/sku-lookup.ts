import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { Environment } from '../config/environment.js';
import { Database } from '../database/database.js';
import { AdmissionControl, MAX_WAIT_MS } from '../resilience/admission-control.js';
import { dependencyUnavailable, isUnavailable, overloaded, Problem } from '../problems/problem.js';
import { loopClock } from '../resilience/loop-clock.js';
import { CatalogVersion } from '../response-cache/catalog-version.js';
import { ProductsRepository } from './products.repository.js';

/** SKUs kept in the process: some 4 MB. */
const IN_MEMORY = 20_000;
/** Ids in one statement. */
const MAX_BATCH = 100;
/** How long PostgreSQL may take when an expired sku is in memory. A healthy one answers in milliseconds. */
const SOFT_TIMEOUT_MS = 250;

interface CachedSku {
  readonly sku: string;
  /** The catalogue version under which it was read. */
  readonly version: string;
  /** When it was read, in the time of `performance.now()`. */
  readonly readAt: number;
}

/** Ids that one statement looks up. */
interface Batch {
  readonly version: string;
  readonly ids: Set<string>;
  readonly skus: Promise<ReadonlyMap<string, string>>;
}

/**
 * The skus of products by id: in the process, behind it in PostgreSQL. All lookups of one turn of the event loop share
 * a statement.
 *
 * A sku is fresh for `CACHE_TTL_MS` while the catalogue does not change. After that it is used only while PostgreSQL is
 * unavailable, up to `CACHE_STALE_MS`.
 */
@Injectable()
export class SkuLookup {
  private readonly memory = new LRUCache<string, CachedSku>({ max: IN_MEMORY });
  /** The latest batch of each id that is being looked up. */
  private readonly batches = new Map<string, Batch>();
  /** The batch that further ids of this turn join. */
  private gathering: Batch | undefined;
  private readonly reads: AdmissionControl;

  constructor(
    private readonly repository: ProductsRepository,
    private readonly version: CatalogVersion,
    private readonly database: Database,
    private readonly environment: Environment,
  ) {
    this.reads = new AdmissionControl(environment.DATABASE_POOL_MAX);
  }

  /**
   * The key by which producers and partners know a product. To look up many, call it for each of them at once.
   *
   * @throws Problem `not-found` when there is no such product.
   * @throws Problem `dependency-unavailable` when PostgreSQL does not answer and no sku is cached, `overloaded` when it
   * has too many requests.
   */
  async find(id: string): Promise<string> {
    const version = await this.version.current();
    const cached = this.memory.get(id);
    if (cached !== undefined && this.isFresh(cached, version)) {
      return cached.sku;
    }
    const fallback =
      cached !== undefined && this.isServableOnError(cached) ? cached.sku : undefined;
    try {
      const { skus } = this.join(id, version);
      const sku = (await (fallback === undefined ? skus : softly(skus))).get(id);
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

  /** The batch that looks up this id. One from before a catalogue change is not joined. */
  private join(id: string, version: string): Batch {
    const joined = this.batches.get(id);
    if (joined?.version === version) {
      return joined;
    }
    let batch = this.gathering;
    if (batch?.version !== version || batch.ids.size === MAX_BATCH) {
      // A PostgreSQL that does not answer is an outage, and the read says so.
      if (this.reads.shouldReject(this.database.isAnswering ? MAX_WAIT_MS : Infinity)) {
        throw overloaded('The catalogue has too many requests right now.');
      }
      const ids = new Set<string>();
      batch = { version, ids, skus: this.reads.track(() => this.read(ids, version)) };
      this.gathering = batch;
    }
    batch.ids.add(id);
    this.batches.set(id, batch);
    return batch;
  }

  /** Reads the skus of all ids that are there by the next turn. */
  private async read(
    ids: ReadonlySet<string>,
    version: string,
  ): Promise<ReadonlyMap<string, string>> {
    await nextTurn();
    if (this.gathering?.ids === ids) {
      this.gathering = undefined;
    }
    const readAt = performance.now();
    try {
      const skus = await this.repository.skus([...ids]);
      for (const id of ids) {
        this.remember(id, skus.get(id), { version, readAt });
      }
      return skus;
    } finally {
      for (const id of ids) {
        if (this.batches.get(id)?.ids === ids) this.batches.delete(id);
      }
    }
  }

  private remember(id: string, sku: string | undefined, read: Omit<CachedSku, 'sku'>): void {
    if (sku === undefined) {
      // A deleted product must not come back when PostgreSQL fails.
      this.memory.delete(id);
    } else if (read.version === this.version.known) {
      // After a change, a later batch may have found the product deleted.
      this.memory.set(id, { sku, ...read });
    }
  }

  private isFresh({ version, readAt }: CachedSku, current: string): boolean {
    return version === current && performance.now() - readAt < this.environment.CACHE_TTL_MS;
  }

  private isServableOnError({ readAt }: CachedSku): boolean {
    return performance.now() - readAt < this.environment.CACHE_STALE_MS;
  }
}

function softly<Value>(value: Promise<Value>): Promise<Value> {
  return loopClock.limit(value, SOFT_TIMEOUT_MS, () =>
    dependencyUnavailable('The catalogue does not answer in time.'),
  );
}
