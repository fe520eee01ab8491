import { Logger } from '@nestjs/common';
import CircuitBreaker from 'opossum';
import { Counter, Gauge, type Registry } from 'prom-client';

import { askInventory, type StockRequest } from './inventory-api.js';
import { InventoryError } from './inventory-error.js';
import type { Stock } from './stock.js';

const VOLUME = 20;
const WINDOW_MS = 10_000;
const FAILING_PERCENT = 50;
/** How long nobody asks, once it has opened; then a single question finds out. */
const RESET_MS = 5000;

/**
 * Keeps questions from an inventory that does not answer them: after twenty within ten seconds of which
 * more than half have failed, nobody asks for five seconds (the numbers of Hystrix).
 */
export class InventoryBreaker {
  private readonly logger = new Logger('Inventory');
  private readonly breaker: CircuitBreaker<[StockRequest], Stock | undefined>;
  private openedAt = -Infinity;

  constructor(url: string, registry: Registry) {
    this.breaker = new CircuitBreaker((question: StockRequest) => askInventory(url, question), {
      name: 'inventory',
      // Each question has a signal of its own; opossum's one would end all of them.
      timeout: false,
      volumeThreshold: VOLUME,
      rollingCountTimeout: WINDOW_MS,
      errorThresholdPercentage: FAILING_PERCENT,
      resetTimeout: RESET_MS,
      rollingPercentilesEnabled: false,
      errorFilter: (error: unknown) => error instanceof InventoryError && !error.counts,
    });
    const transitions = new Counter({
      name: 'farmlokal_breaker_transitions_total',
      help: 'Changes of state of a circuit breaker, by the state that it went to.',
      labelNames: ['dependency', 'state'],
      registers: [registry],
    });
    const states = new Gauge({
      name: 'farmlokal_breaker_state',
      help: 'The state of a circuit breaker: 1 for the one that it is in, 0 for the others.',
      labelNames: ['dependency', 'state'],
      registers: [registry],
      collect: () => {
        for (const state of ['closed', 'open', 'half-open'] as const) {
          states.set({ dependency: 'inventory', state }, state === this.state ? 1 : 0);
        }
      },
    });
    const count = (state: string): void => {
      transitions.inc({ dependency: 'inventory', state });
    };
    this.breaker.on('open', () => {
      this.openedAt = performance.now();
      count('open');
      this.logger.warn(`The breaker opens: nobody asks the inventory for ${RESET_MS} ms.`);
    });
    this.breaker.on('halfOpen', () => {
      count('half-open');
      this.logger.log('The breaker is half open: the next question finds out.');
    });
    this.breaker.on('close', () => {
      count('closed');
      this.logger.log('The breaker closes: the inventory answers again.');
    });
  }

  /** Whether it lets questions through: all, none, or a single one. */
  get state(): 'closed' | 'open' | 'half-open' {
    if (this.breaker.closed) return 'closed';
    return this.breaker.opened ? 'open' : 'half-open';
  }

  /**
   * Asks the inventory, unless the breaker is open.
   *
   * @throws InventoryError as {@link askInventory} does, and with the rest of the pause while it is open.
   */
  async ask(question: StockRequest): Promise<Stock | undefined> {
    const { opened, halfOpen, pendingClose } = this.breaker;
    if (opened || (halfOpen && !pendingClose)) {
      // Not left to opossum: what it refuses it counts as asked, and would be blind to failures after that.
      throw new InventoryError('The inventory does not answer; nobody asks for a while.', {
        retryAfterMs: this.openedAt + RESET_MS - performance.now(),
      });
    }
    return this.breaker.fire(question);
  }

  /** Ends its timers. */
  shutdown(): void {
    this.breaker.shutdown();
  }
}
