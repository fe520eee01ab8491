import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { Registry } from 'prom-client';

import { TokenProvider } from '../auth/token-provider.js';
import { Environment } from '../config/environment.js';
import type { Deadline } from '../resilience/deadline.js';
import { MAX_CONNECTIONS } from '../http/partner-fetch.js';
import { Bulkhead, BulkheadFullError, BulkheadTimeoutError } from '../resilience/bulkhead.js';
import { dependencyUnavailable, overloaded } from '../problems/problem.js';
import type { StockQuery } from './inventory-api.js';
import { InventoryBreaker } from './inventory-breaker.js';
import { InventoryError } from './inventory-error.js';
import { RetryBudget } from './retry-budget.js';
import type { Stock } from './stock.js';

/** Requests to the inventory at a time. */
export const IN_FLIGHT = MAX_CONNECTIONS;
const WAITING = 1000;
const ATTEMPTS = 3;
const BACKOFF_MS = 100;
const BACKOFF_MAX_MS = 1000;
const RETRIES_PER_CALL = 0.2;
const LEAST_RETRIES = 3;
/** How often the same is said to be wrong, while it is. */
const REPORT_MS = 10_000;
/** How long no token is blamed for a 401, once a fresh one has met with it as well. */
const TRUSTED_MS = 10_000;
/** An attempt with less of its time left would tell more of our haste than of the inventory. */
const WORTHWHILE_PART = 0.5;

/**
 * API A, which knows the live stock. Whatever it does, a question is answered or given up in time. From
 * the outside in: a bulkhead, the caller's deadline, retries within a budget, a breaker that sees every
 * attempt, and a timeout for each.
 */
@Injectable()
export class InventoryClient implements OnApplicationShutdown {
  private readonly logger = new Logger('Inventory');
  private readonly bulkhead = new Bulkhead(IN_FLIGHT, WAITING);
  private readonly budget = new RetryBudget(RETRIES_PER_CALL, LEAST_RETRIES);
  /** Undefined without an inventory. */
  readonly breaker: InventoryBreaker | undefined;
  /** When each fault was told last; there are as many as there are statuses, at most. */
  private readonly reported = new Map<string, number>();
  private tokensTrustedUntil = -Infinity;

  constructor(
    private readonly environment: Environment,
    private readonly tokens: TokenProvider,
    registry: Registry,
  ) {
    const { INVENTORY_API_URL: url } = environment;
    this.breaker = url === undefined ? undefined : new InventoryBreaker(url, registry);
  }

  /**
   * What there is of a product.
   *
   * @returns undefined when the inventory does not know the sku.
   * @throws Problem `dependency-unavailable` when there is no answer by the deadline, or no inventory.
   */
  async ask(subject: StockQuery, deadline: Deadline): Promise<Stock | undefined> {
    const { breaker } = this;
    if (breaker === undefined) {
      throw dependencyUnavailable('No inventory is configured.');
    }
    try {
      return await this.bulkhead.run(deadline, () => this.persevere(breaker, subject, deadline));
    } catch (error) {
      if (error instanceof InventoryError) {
        this.report(error);
        const { retryAfterMs, status } = error;
        const detail =
          status === 401 || status === 403
            ? 'The inventory does not take questions from this service.'
            : 'The inventory does not answer.';
        throw dependencyUnavailable(detail, {
          cause: error,
          retryAfterMs,
        });
      }
      if (error instanceof BulkheadFullError) {
        throw overloaded('Too many requests wait for the inventory right now.');
      }
      if (error instanceof BulkheadTimeoutError) {
        throw dependencyUnavailable('The inventory does not answer in time.', { cause: error });
      }
      throw error;
    }
  }

  onApplicationShutdown(): void {
    this.breaker?.shutdown();
  }

  private report({ message }: InventoryError): void {
    const now = performance.now();
    if (now - (this.reported.get(message) ?? -Infinity) >= REPORT_MS) {
      this.reported.set(message, now);
      this.logger.warn(message);
    }
  }

  private async persevere(
    breaker: InventoryBreaker,
    subject: StockQuery,
    deadline: Deadline,
  ): Promise<Stock | undefined> {
    this.budget.call();
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.askAuthorised(breaker, subject, deadline);
      } catch (error) {
        if (!(error instanceof InventoryError) || !error.transient || attempt === ATTEMPTS) {
          throw error;
        }
        const pause = Math.max(backoff(attempt), error.retryAfterMs ?? 0);
        if (!this.isWorthwhile(deadline, pause) || !this.budget.retry()) {
          throw error;
        }
        await sleep(pause);
      }
    }
  }

  /**
   * A token that the inventory does not take is replaced, once; that is no retry, for it is another
   * question. Where it takes no fresh one either, tokens are not the cause, and are left alone for a while.
   */
  private async askAuthorised(
    breaker: InventoryBreaker,
    subject: StockQuery,
    deadline: Deadline,
  ): Promise<Stock | undefined> {
    const token = await this.token(deadline);
    try {
      return await breaker.ask({ ...subject, token, timeoutMs: this.timeout(deadline) });
    } catch (error) {
      if (!isUnauthorised(error) || performance.now() < this.tokensTrustedUntil) {
        throw error;
      }
      await this.tokens.invalidate(token);
      const another = await this.token(deadline);
      try {
        return await breaker.ask({ ...subject, token: another, timeoutMs: this.timeout(deadline) });
      } catch (again) {
        if (isUnauthorised(again)) {
          this.tokensTrustedUntil = performance.now() + TRUSTED_MS;
        }
        throw again;
      }
    }
  }

  private async token(deadline: Deadline): Promise<string> {
    return deadline.limit(this.tokens.getToken(), () =>
      dependencyUnavailable('There is no token for partners right now.'),
    );
  }

  private timeout(deadline: Deadline): number {
    if (!this.isWorthwhile(deadline, 0)) {
      throw new InventoryError('There is no time left to ask the inventory.');
    }
    return Math.ceil(Math.min(this.environment.INVENTORY_TIMEOUT_MS, deadline.remaining));
  }

  private isWorthwhile(deadline: Deadline, pause: number): boolean {
    const { INVENTORY_TIMEOUT_MS, INVENTORY_DEADLINE_MS } = this.environment;
    const whole = Math.min(INVENTORY_TIMEOUT_MS, INVENTORY_DEADLINE_MS);
    return deadline.remaining - pause >= WORTHWHILE_PART * whole;
  }
}

function isUnauthorised(error: unknown): boolean {
  return error instanceof InventoryError && error.status === 401;
}

/** Exponential, capped, with full jitter: callers that failed together do not come back together. */
function backoff(attempt: number): number {
  return Math.random() * Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** (attempt - 1));
}
