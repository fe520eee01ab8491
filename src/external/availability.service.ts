import { Injectable } from '@nestjs/common';

import { Environment } from '../config/environment.js';
import type { TraceContext } from '../http/trace-context.js';
import { dependencyUnavailable, isUnavailable, overloaded, Problem } from '../problems/problem.js';
import { SkuLookup } from '../products/sku-lookup.js';
import { AdmissionControl } from '../resilience/admission-control.js';
import { Deadline } from '../resilience/deadline.js';
import { SingleFlight } from '../resilience/single-flight.js';
import { InventoryClient, MAX_CONCURRENT_REQUESTS } from './inventory-client.js';
import { type CachedStock, StockCache } from './stock-cache.js';

/** How long cached stock is fresh, in milliseconds. */
const FRESH_MS = 2000;
/** Share of the deadline for reading the stock. The rest is for sending the response. */
const READ_SHARE = 0.9;

/** The stock of a product. */
export interface Availability {
  readonly productId: string;
  readonly stock: CachedStock;
  /** Whether the stock is an earlier response of the inventory, because the inventory is unavailable. */
  readonly stale: boolean;
}

/** Reads the stock of products from the inventory, or from the cache while the inventory is unavailable. */
@Injectable()
export class AvailabilityService {
  private readonly reads = new SingleFlight<CachedStock>();
  private readonly admission = new AdmissionControl(MAX_CONCURRENT_REQUESTS);

  constructor(
    private readonly skus: SkuLookup,
    private readonly inventory: InventoryClient,
    private readonly cache: StockCache,
    private readonly environment: Environment,
  ) {}

  /**
   * Returns the stock of a product within `INVENTORY_DEADLINE_MS` after the arrival of the request.
   *
   * @param arrivedAt in the time of `performance.now()`.
   * @param trace is passed on to the inventory. Concurrent requests for a product share the first one's.
   * @throws Problem `not-found` when the product does not exist or the inventory does not know it.
   * @throws Problem `dependency-unavailable` when the inventory does not answer and no stock is cached.
   * @throws Problem `overloaded` when the response would be late and no stock is cached.
   */
  async find(productId: string, arrivedAt: number, trace?: TraceContext): Promise<Availability> {
    const deadline = Deadline.after(arrivedAt, READ_SHARE * this.environment.INVENTORY_DEADLINE_MS);
    const sku = await deadline.limit(this.skus.find(productId), () =>
      dependencyUnavailable('The catalog does not answer in time.'),
    );
    const cached = this.cache.peek(sku);
    if (cached !== undefined && isFresh(cached)) {
      return { productId, stock: cached, stale: false };
    }
    try {
      const stock = await this.read(productId, sku, deadline, trace);
      return { productId, stock, stale: false };
    } catch (error) {
      const last = this.cache.peek(sku);
      if (last === undefined || !isUnavailable(error)) {
        throw error;
      }
      return { productId, stock: last, stale: true };
    }
  }

  private async read(
    productId: string,
    sku: string,
    deadline: Deadline,
    trace?: TraceContext,
  ): Promise<CachedStock> {
    if (!this.reads.has(sku) && this.admission.shouldReject(deadline.remaining)) {
      throw overloaded('Too many requests are waiting for the inventory.');
    }
    const read = this.reads.run(sku, () =>
      this.admission.track(() => this.readThrough(productId, sku, deadline, trace)),
    );
    return deadline.limit(read, () =>
      dependencyUnavailable('The inventory does not answer in time.'),
    );
  }

  private async readThrough(
    productId: string,
    sku: string,
    deadline: Deadline,
    trace?: TraceContext,
  ): Promise<CachedStock> {
    const cached = await this.cache.get(sku);
    if (cached !== undefined && isFresh(cached)) {
      return cached;
    }
    const stock = await this.inventory.findStock({ sku, trace }, deadline);
    if (stock === undefined) {
      this.cache.delete(sku);
      throw new Problem('not-found', `The inventory does not know the product ${productId}.`);
    }
    const received = { ...stock, receivedAt: Date.now() };
    this.cache.set(sku, received);
    return received;
  }
}

function isFresh({ receivedAt }: CachedStock): boolean {
  // Clock skew between replicas can put `receivedAt` in the future.
  return Math.abs(Date.now() - receivedAt) < FRESH_MS;
}
