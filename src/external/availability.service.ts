import { Injectable } from '@nestjs/common';

import { Environment } from '../config/environment.js';
import { Deadline } from '../resilience/deadline.js';
import type { TraceContext } from '../http/trace-context.js';
import { AdmissionControl } from '../resilience/admission-control.js';
import { dependencyUnavailable, isUnavailable, overloaded, Problem } from '../problems/problem.js';
import { SkuLookup } from '../products/sku-lookup.js';
import { IN_FLIGHT, InventoryClient } from './inventory-client.js';
import { StockCache, type RememberedStock } from './stock-cache.js';

/** How long an answer of the inventory is given again without asking. */
const FRESH_MS = 2000;
/** Of the deadline, what is left for asking: the answer has a way to go as well. */
const ASKING_PART = 0.9;

/** What there is of a product, and how sure that is. */
export interface Availability {
  readonly productId: string;
  readonly stock: RememberedStock;
  /** Whether the inventory could not be asked, so that this is what it said last. */
  readonly stale: boolean;
}

/** Live stock, as households see it: the inventory's word, or its last one. */
@Injectable()
export class AvailabilityService {
  private readonly flights = new Map<string, Promise<RememberedStock>>();
  private readonly admission = new AdmissionControl(IN_FLIGHT);

  constructor(
    private readonly skus: SkuLookup,
    private readonly inventory: InventoryClient,
    private readonly lastStock: StockCache,
    private readonly environment: Environment,
  ) {}

  /**
   * The availability of a product, within `INVENTORY_DEADLINE_MS` of the request's arrival.
   *
   * @param arrivedAt in the time of `performance.now()`.
   * @param trace is passed on to the inventory; of those who ask together, the first one's.
   * @throws Problem `not-found` when there is no such product, or the inventory does not know it.
   * @throws Problem `dependency-unavailable` when neither the inventory answers nor an older answer is known,
   * `overloaded` when the answer would come too late.
   */
  async find(productId: string, arrivedAt: number, trace?: TraceContext): Promise<Availability> {
    const deadline = Deadline.after(
      arrivedAt,
      ASKING_PART * this.environment.INVENTORY_DEADLINE_MS,
    );
    const sku = await deadline.limit(this.skus.find(productId), () =>
      dependencyUnavailable('The catalogue does not answer in time.'),
    );
    const known = this.lastStock.peek(sku);
    if (known !== undefined && isFresh(known)) {
      return { productId, stock: known, stale: false };
    }
    const flight = this.flights.get(sku);
    if (flight === undefined && this.admission.shouldReject(deadline.remaining)) {
      if (known !== undefined) return { productId, stock: known, stale: true };
      throw overloaded('Too many requests wait for the inventory right now.');
    }
    try {
      const stock = await deadline.limit(flight ?? this.fly(productId, sku, deadline, trace), () =>
        dependencyUnavailable('The inventory does not answer in time.'),
      );
      return { productId, stock, stale: false };
    } catch (error) {
      // Also when this deadline passes before the flight has noticed that.
      const last = this.lastStock.peek(sku);
      if (last === undefined || !isUnavailable(error)) {
        throw error;
      }
      return { productId, stock: last, stale: true };
    }
  }

  private fly(
    productId: string,
    sku: string,
    deadline: Deadline,
    trace?: TraceContext,
  ): Promise<RememberedStock> {
    const flight = this.admission
      .track(() => this.findOut(productId, sku, deadline, trace))
      .finally(() => {
        this.flights.delete(sku);
      });
    this.flights.set(sku, flight);
    return flight;
  }

  private async findOut(
    productId: string,
    sku: string,
    deadline: Deadline,
    trace?: TraceContext,
  ): Promise<RememberedStock> {
    const last = await this.lastStock.recall(sku);
    if (last !== undefined && isFresh(last)) {
      return last;
    }
    const answer = await this.inventory.ask({ sku, trace }, deadline);
    if (answer === undefined) {
      this.lastStock.forget(sku);
      throw new Problem('not-found', `The inventory does not know the product ${productId}.`);
    }
    const stock = { ...answer, receivedAt: Date.now() };
    this.lastStock.remember(sku, stock);
    return stock;
  }
}

function isFresh({ receivedAt }: RememberedStock): boolean {
  // One from the future is of a replica with another clock: as far off as it is old.
  return Math.abs(Date.now() - receivedAt) < FRESH_MS;
}
