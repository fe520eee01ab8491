import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { Registry } from 'prom-client';

import { TokenProvider } from '../auth/token-provider.js';
import { Environment } from '../config/environment.js';
import { MAX_CONNECTIONS } from '../http/partner-fetch.js';
import { dependencyUnavailable, overloaded } from '../problems/problem.js';
import { Bulkhead, BulkheadFullError, BulkheadTimeoutError } from '../resilience/bulkhead.js';
import type { Deadline } from '../resilience/deadline.js';
import { type BackoffOptions, exponentialBackoff } from '../resilience/exponential-backoff.js';
import type { StockQuery } from './inventory-api.js';
import { InventoryBreaker } from './inventory-breaker.js';
import { InventoryError } from './inventory-error.js';
import { RetryBudget } from './retry-budget.js';
import type { Stock } from './stock.js';

export const MAX_CONCURRENT_REQUESTS = MAX_CONNECTIONS;
const MAX_QUEUED_REQUESTS = 1000;
const MAX_ATTEMPTS = 3;
/** With full jitter, so that requests that failed together are not retried together. */
const BACKOFF: BackoffOptions = { minMs: 100, maxMs: 1000, jitter: 1 };
export const RETRIES_PER_REQUEST = 0.2;
const MIN_RETRIES = 3;
/** Interval at which the same fault is logged again, in milliseconds. */
const LOG_INTERVAL_MS = 10_000;
/** Milliseconds for which a 401 does not invalidate the token, after the inventory has rejected a new token too. */
const TRUST_TOKEN_MS = 10_000;
/** Share of the timeout that must remain for an attempt: a shorter attempt could time out at a healthy inventory. */
const MIN_TIMEOUT_SHARE = 0.5;

/**
 * Reads stock from the inventory (API A) within a deadline. The policies, from the outside in: a bulkhead, the deadline,
 * retries within a budget, a circuit breaker that counts every attempt, and a timeout for each attempt.
 */
@Injectable()
export class InventoryClient implements OnApplicationShutdown {
  private readonly logger = new Logger('Inventory');
  private readonly bulkhead = new Bulkhead(MAX_CONCURRENT_REQUESTS, MAX_QUEUED_REQUESTS);
  private readonly budget = new RetryBudget(RETRIES_PER_REQUEST, MIN_RETRIES);
  /** Undefined when no inventory is configured. */
  readonly breaker: InventoryBreaker | undefined;
  /** When each fault was last logged. */
  private readonly loggedAt = new Map<string, number>();
  private tokenTrustedUntil = -Infinity;

  constructor(
    private readonly environment: Environment,
    private readonly tokens: TokenProvider,
    registry: Registry,
  ) {
    const { INVENTORY_API_URL: url } = environment;
    this.breaker = url === undefined ? undefined : new InventoryBreaker(url, registry);
  }

  /**
   * Returns the stock of a product; undefined when the inventory does not know the sku.
   *
   * @throws Problem `dependency-unavailable` without a response by the deadline, or without a configured inventory.
   * @throws Problem `overloaded` when too many requests are queued.
   */
  async findStock(query: StockQuery, deadline: Deadline): Promise<Stock | undefined> {
    const { breaker } = this;
    if (breaker === undefined) {
      throw dependencyUnavailable('No inventory is configured.');
    }
    try {
      return await this.bulkhead.run(deadline, () => this.withRetries(breaker, query, deadline));
    } catch (error) {
      if (error instanceof InventoryError) {
        this.log(error);
        const { retryAfterMs, status } = error;
        const detail =
          status === 401 || status === 403
            ? 'The inventory rejects the requests of this service.'
            : 'The inventory does not answer.';
        throw dependencyUnavailable(detail, { cause: error, retryAfterMs });
      }
      if (error instanceof BulkheadFullError) {
        throw overloaded('Too many requests are waiting for the inventory.');
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

  private log({ message }: InventoryError): void {
    const now = performance.now();
    if (now - (this.loggedAt.get(message) ?? -Infinity) >= LOG_INTERVAL_MS) {
      this.loggedAt.set(message, now);
      this.logger.warn(message);
    }
  }

  private async withRetries(
    breaker: InventoryBreaker,
    query: StockQuery,
    deadline: Deadline,
  ): Promise<Stock | undefined> {
    this.budget.recordRequest();
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.requestWithToken(breaker, query, deadline);
      } catch (error) {
        if (!(error instanceof InventoryError) || !error.transient || attempt === MAX_ATTEMPTS) {
          throw error;
        }
        const delay = Math.max(exponentialBackoff(attempt, BACKOFF), error.retryAfterMs ?? 0);
        if (!this.hasTimeAfter(delay, deadline) || !this.budget.tryRetry()) {
          throw error;
        }
        await sleep(delay);
      }
    }
  }

  /**
   * Sends a request, and repeats it with a new token after a 401. If the inventory rejects the new token too, the token
   * is not the cause: it is not replaced again for {@link TRUST_TOKEN_MS}.
   */
  private async requestWithToken(
    breaker: InventoryBreaker,
    query: StockQuery,
    deadline: Deadline,
  ): Promise<Stock | undefined> {
    const send = (token: string): Promise<Stock | undefined> =>
      breaker.request({ ...query, token, timeoutMs: this.timeout(deadline) });
    const token = await this.token(deadline);
    try {
      return await send(token);
    } catch (error) {
      if (!isUnauthorized(error) || performance.now() < this.tokenTrustedUntil) {
        throw error;
      }
    }
    await this.tokens.invalidate(token);
    const newToken = await this.token(deadline);
    try {
      return await send(newToken);
    } catch (error) {
      if (isUnauthorized(error)) {
        this.tokenTrustedUntil = performance.now() + TRUST_TOKEN_MS;
      }
      throw error;
    }
  }

  private async token(deadline: Deadline): Promise<string> {
    return deadline.limit(this.tokens.getToken(), () =>
      dependencyUnavailable('There is no access token for partners.'),
    );
  }

  private timeout(deadline: Deadline): number {
    if (!this.hasTimeAfter(0, deadline)) {
      throw new InventoryError('No time is left for a request to the inventory.');
    }
    return Math.ceil(Math.min(this.environment.INVENTORY_TIMEOUT_MS, deadline.remaining));
  }

  /** Whether an attempt after `delay` milliseconds has enough time until the deadline. */
  private hasTimeAfter(delay: number, deadline: Deadline): boolean {
    const { INVENTORY_TIMEOUT_MS, INVENTORY_DEADLINE_MS } = this.environment;
    const timeout = Math.min(INVENTORY_TIMEOUT_MS, INVENTORY_DEADLINE_MS);
    return deadline.remaining - delay >= MIN_TIMEOUT_SHARE * timeout;
  }
}

function isUnauthorized(error: unknown): boolean {
  return error instanceof InventoryError && error.status === 401;
}
