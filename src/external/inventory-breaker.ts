import { Logger } from '@nestjs/common';
import CircuitBreaker from 'opossum';
import { Counter, Gauge, type Registry } from 'prom-client';

import { requestStock, type StockRequest } from './inventory-api.js';
import { InventoryError } from './inventory-error.js';
import type { Stock } from './stock.js';

const MIN_REQUESTS = 20;
const WINDOW_MS = 10_000;
const FAILURE_PERCENT = 50;
/** How long the breaker stays open before a trial request, in milliseconds. */
export const RESET_MS = 5000;

/**
 * The circuit breaker of the inventory, with the defaults of Hystrix. It opens for five seconds when more than half of at
 * least twenty requests within ten seconds fail. A single trial request then decides whether it closes.
 */
export class InventoryBreaker {
  private readonly logger = new Logger('Inventory');
  private readonly breaker: CircuitBreaker<[StockRequest], Stock | undefined>;
  private openedAt = -Infinity;

  constructor(url: string, registry: Registry) {
    this.breaker = new CircuitBreaker((request: StockRequest) => requestStock(url, request), {
      name: 'inventory',
      // Each request has a timeout of its own. opossum shares one abort signal between all requests.
      timeout: false,
      volumeThreshold: MIN_REQUESTS,
      rollingCountTimeout: WINDOW_MS,
      errorThresholdPercentage: FAILURE_PERCENT,
      resetTimeout: RESET_MS,
      rollingPercentilesEnabled: false,
      errorFilter: (error: unknown) => error instanceof InventoryError && !error.countsAsFailure,
    });
    this.publishMetrics(registry);
    this.breaker.on('open', () => {
      this.openedAt = performance.now();
      this.logger.warn(`The breaker opens: no requests to the inventory for ${RESET_MS} ms.`);
    });
    this.breaker.on('halfOpen', () => {
      this.logger.log('The breaker is half-open: the next request is a trial.');
    });
    this.breaker.on('close', () => {
      this.logger.log('The breaker closes: the inventory answers again.');
    });
  }

  /** `closed` lets every request through, `open` none, and `half-open` a single one. */
  get state(): 'closed' | 'open' | 'half-open' {
    if (this.breaker.closed) return 'closed';
    return this.breaker.opened ? 'open' : 'half-open';
  }

  /**
   * Sends a request to the inventory, unless the breaker is open.
   *
   * @throws InventoryError as {@link requestStock}, or with the time until the next trial while the breaker is open.
   */
  async request(request: StockRequest): Promise<Stock | undefined> {
    const { opened, halfOpen, pendingClose } = this.breaker;
    if (opened || (halfOpen && !pendingClose)) {
      // opossum would count a rejected request as a request, so that failures stay below the threshold afterwards.
      throw new InventoryError('The breaker of the inventory is open.', {
        retryAfterMs: this.openedAt + RESET_MS - performance.now(),
      });
    }
    return this.breaker.fire(request);
  }

  /** Stops the timers. */
  shutdown(): void {
    this.breaker.shutdown();
  }

  private publishMetrics(registry: Registry): void {
    const dependency = 'inventory';
    const transitions = new Counter({
      name: 'farmlokal_breaker_transitions_total',
      help: 'State changes of the circuit breaker, by new state.',
      labelNames: ['dependency', 'state'],
      registers: [registry],
    });
    const count = (): void => {
      transitions.inc({ dependency, state: this.state });
    };
    this.breaker.on('open', count);
    this.breaker.on('halfOpen', count);
    this.breaker.on('close', count);
    const states = new Gauge({
      name: 'farmlokal_breaker_state',
      help: 'State of the circuit breaker: 1 for the current state, 0 for the others.',
      labelNames: ['dependency', 'state'],
      registers: [registry],
      collect: () => {
        for (const state of ['closed', 'open', 'half-open'] as const) {
          states.set({ dependency, state }, state === this.state ? 1 : 0);
        }
      },
    });
  }
}
