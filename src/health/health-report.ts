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
import { Subscription } from '../webhooks/subscription.js';
import { loopClock } from '../resilience/loop-clock.js';
import { Readiness } from './readiness.js';

/** For how long a report is given again. */
const KEPT_MS = 1000;
/** How long a dependency may take to answer a check: so that the report is there within a second. */
const CHECK_MS = 800;

/** The message of a dependency that is not configured. It counts as up, because the service does not miss it. */
export const NOT_CONFIGURED = 'not configured';

/** What a report is answered with. */
export interface HealthAnswer {
  readonly status: HttpStatus;
  readonly report: HealthCheckResult;
}

/** Every dependency and how it is. Without PostgreSQL the service is down, without another one degraded. */
@Injectable()
export class HealthReport {
  private last: Promise<HealthAnswer> | undefined;
  private madeAt = -Infinity;

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
   * The report, and the status that goes with it: 503 while PostgreSQL does not answer, and once the replica was
   * told to stop. However many ask, the dependencies are asked once a second.
   */
  async make(): Promise<HealthAnswer> {
    const answer = await this.lately();
    return this.readiness.draining
      ? {
          status: HttpStatus.SERVICE_UNAVAILABLE,
          report: { ...answer.report, status: 'shutting_down' },
        }
      : answer;
  }

  private lately(): Promise<HealthAnswer> {
    const now = performance.now();
    if (this.last === undefined || now - this.madeAt >= KEPT_MS) {
      this.last = this.check();
      this.madeAt = now;
    }
    return this.last;
  }

  private async check(): Promise<HealthAnswer> {
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
      await loopClock.limit(this.database.ping(), CHECK_MS, () => new Error('PostgreSQL is slow.'));
      if (this.database.isReadOnly) throw new Error('not the primary: PostgreSQL refuses writes');
    });
  }

  private async checkRedis() {
    const session = this.indicators.check('redis');
    if (!this.redis.configured) return session.up(NOT_CONFIGURED);
    // A Redis that is full, or a replica, answers a ping all the same.
    const answer = await this.redis.attempt((redis) =>
      redis.set('farmlokal:health', '', 'PX', KEPT_MS),
    );
    return answer === undefined
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
