import { HttpStatus, Injectable, ServiceUnavailableException } from '@nestjs/common';
import {
  HealthCheckService,
  type HealthCheckResult,
  type HealthIndicatorFunction,
  HealthIndicatorService,
} from '@nestjs/terminus';

import { TokenProvider } from '../auth/token-provider.js';
import { Database } from '../database/database.js';
import { InventoryClient } from '../external/inventory-client.js';
import { RedisConnection } from '../redis/redis-connection.js';
import { loopClock } from '../resilience/loop-clock.js';
import { Subscription } from '../webhooks/subscription.js';
import { Readiness } from './readiness.js';

/** Milliseconds for which a report is reused. */
const REUSE_MS = 1000;
/** Timeout of a check, so that a report takes less than a second. */
const CHECK_TIMEOUT_MS = 800;

/** The message of a dependency that is not configured. Its status is up. */
export const NOT_CONFIGURED = 'not configured';

/** A report and the HTTP status of its response. */
export interface HealthResult {
  readonly status: HttpStatus;
  readonly report: HealthCheckResult;
}

/** Reports the state of every dependency. The service is down without PostgreSQL, and degraded without any other. */
@Injectable()
export class HealthReport {
  private latest: Promise<HealthResult> | undefined;
  private latestAt = -Infinity;

  constructor(
    private readonly health: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly database: Database,
    private readonly redis: RedisConnection,
    private readonly tokens: TokenProvider,
    private readonly inventory: InventoryClient,
    private readonly subscription: Subscription,
    private readonly readiness: Readiness,
  ) {}

  /**
   * Checks the dependencies, at most once a second. The status is 503 while PostgreSQL does not answer or refuses writes,
   * and while this replica shuts down.
   */
  async check(): Promise<HealthResult> {
    const result = await this.checkOncePerSecond();
    return this.readiness.isShuttingDown
      ? {
          status: HttpStatus.SERVICE_UNAVAILABLE,
          report: { ...result.report, status: 'shutting_down' },
        }
      : result;
  }

  private checkOncePerSecond(): Promise<HealthResult> {
    const now = performance.now();
    if (this.latest === undefined || now - this.latestAt >= REUSE_MS) {
      this.latest = this.checkDependencies();
      this.latestAt = now;
    }
    return this.latest;
  }

  private async checkDependencies(): Promise<HealthResult> {
    const checks: HealthIndicatorFunction[] = [
      () => this.checkDatabase(),
      () => this.checkRedis(),
      () => this.checkOAuth(),
      () => this.checkInventory(),
      () => this.checkCatalogApi(),
    ];
    try {
      return { status: HttpStatus.OK, report: await this.health.check(checks) };
    } catch (error) {
      if (!(error instanceof ServiceUnavailableException)) {
        throw error;
      }
      const report = error.getResponse() as HealthCheckResult;
      return { status: HttpStatus.SERVICE_UNAVAILABLE, report };
    }
  }

  private checkDatabase() {
    return this.indicators.check('database').attempt(async () => {
      const timeout = (): Error => new Error('PostgreSQL does not answer in time');
      await loopClock.limit(this.database.ping(), CHECK_TIMEOUT_MS, timeout);
      if (this.database.isReadOnly) throw new Error('not the primary: PostgreSQL refuses writes');
    });
  }

  private async checkRedis() {
    const session = this.indicators.check('redis');
    if (!this.redis.configured) return session.up(NOT_CONFIGURED);
    // Writes a key, because a Redis that is full or read-only still answers PING.
    const reply = await this.redis.attempt((redis) =>
      redis.set('farmlokal:health', '', 'PX', REUSE_MS),
    );
    return reply === undefined
      ? session.degraded('does not answer or refuses a write; the log has the reason')
      : session.up();
  }

  private checkOAuth() {
    const session = this.indicators.check('oauth');
    if (!this.tokens.configured) return session.up(NOT_CONFIGURED);
    const { fault } = this.tokens;
    return fault === undefined ? session.up() : session.degraded(fault);
  }

  private checkInventory() {
    const session = this.indicators.check('inventory');
    const { breaker } = this.inventory;
    if (breaker === undefined) return session.up(NOT_CONFIGURED);
    return breaker.state === 'closed' ? session.up() : session.degraded(`breaker ${breaker.state}`);
  }

  private checkCatalogApi() {
    const session = this.indicators.check('catalogApi');
    switch (this.subscription.state) {
      case 'off':
        return session.up(NOT_CONFIGURED);
      case 'pending':
        return session.degraded('the callback is not registered yet');
      case 'registered':
        return session.up('the callback is registered');
    }
  }
}
