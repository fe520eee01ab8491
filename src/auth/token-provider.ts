import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { Registry } from 'prom-client';

import { Environment } from '../config/environment.js';
import { ConditionLog } from '../logging/condition-log.js';
import { dependencyUnavailable, type Problem } from '../problems/problem.js';
import { RedisConnection } from '../redis/redis-connection.js';
import { RedisLock } from '../redis/redis-lock.js';
import { Deadline } from '../resilience/deadline.js';
import type { BackoffOptions } from '../resilience/exponential-backoff.js';
import { SingleFlight } from '../resilience/single-flight.js';
import { GRANT_TIMEOUT_MS, GrantError, requestGrant } from './client-credentials-grant.js';
import { clientKey, configuredClient, type OAuthClient } from './oauth-client.js';
import { SharedBackoff } from './shared-backoff.js';
import { TokenCache } from './token-cache.js';
import { TokenMetrics } from './token-metrics.js';
import { TokenRenewal } from './token-renewal.js';
import { PATIENT_COMMAND, type Token, TokenStore } from './token-store.js';

/**
 * Lifetime of the lock around a token request, in milliseconds. It is longer than the request's timeout, so the lock
 * normally outlives the request. If a slow Redis or a blocked event loop delays its owner by more than a second, another
 * replica requests a token as well. That is harmless: both tokens are valid.
 */
const LOCK_TTL_MS = GRANT_TIMEOUT_MS + 1000;
/** How long a caller waits for another replica's token: a second longer than the lock of a dead replica lasts. */
const WAIT_MS = LOCK_TTL_MS + 1000;
const POLL_MS = 20;

/** A token is not used in the last tenth of its lifetime, at most a minute: the request to the partner takes time. */
const MARGIN_SHARE = 0.1;
const MARGIN_MAX_MS = 60_000;

/** Backoff after a failure that may be transient. */
const FAILED: BackoffOptions = { minMs: 1000, maxMs: 10_000 };
/** Backoff after a refusal, which an operator has to resolve. */
const REFUSED: BackoffOptions = { minMs: 15_000, maxMs: 60_000 };

/**
 * The access token for partners (client credentials grant, RFC 6749, section 4.4). All replicas share one token and
 * renew it in the background.
 *
 * The token comes from the process, else from Redis, else from the provider under a lock in Redis. When the provider
 * fails, all replicas back off. Without a connection to Redis, each process requests a token of its own.
 */
@Injectable()
export class TokenProvider implements OnApplicationShutdown {
  private readonly outage = new ConditionLog(new Logger(TokenProvider.name));
  private readonly client: OAuthClient | undefined;
  private readonly key: string;
  private readonly cache: TokenCache;
  private readonly backoff: SharedBackoff;
  private readonly metrics: TokenMetrics;
  private readonly renewal = new TokenRenewal(() => this.renew());
  private readonly acquisitions = new SingleFlight<string>();
  private lastFault: string | undefined;

  constructor(
    environment: Environment,
    redis: RedisConnection,
    private readonly lock: RedisLock,
    registry: Registry,
  ) {
    this.client = configuredClient(environment);
    this.key = clientKey(this.client);
    this.cache = new TokenCache(new TokenStore(redis, `farmlokal:oauth:token:${this.key}`));
    this.backoff = new SharedBackoff(redis, `farmlokal:oauth:hold-off:${this.key}`);
    this.metrics = new TokenMetrics(this.cache, registry);
  }

  /** Whether an OAuth client is configured. */
  get configured(): boolean {
    return this.client !== undefined;
  }

  /** Why the last token request of this process failed; undefined after a success. */
  get fault(): string | undefined {
    return this.lastFault;
  }

  /**
   * Returns a valid token: the current one at once, otherwise within {@link WAIT_MS} plus {@link GRANT_TIMEOUT_MS}.
   *
   * @throws Problem `dependency-unavailable` when the provider issues no token, or no client is configured.
   */
  async getToken(): Promise<string> {
    const { current } = this.cache;
    return current !== undefined && performance.now() < current.expiresAt
      ? current.value
      : this.acquireToken();
  }

  /** Removes a token that a partner rejected with 401, here and in Redis. A newer token stays. */
  async invalidate(token: string): Promise<void> {
    await this.cache.invalidate(token);
  }

  onApplicationShutdown(): void {
    this.renewal.stop();
  }

  /** Acquires a token. Concurrent callers in this process share one acquisition. */
  private async acquireToken(): Promise<string> {
    const { client } = this;
    if (client === undefined) {
      throw dependencyUnavailable('No OAuth client is configured.');
    }
    return this.acquisitions.run(this.key, () => this.waitForToken(client));
  }

  /** Reads the token of another replica, or fetches one when no other replica does. */
  private async waitForToken(client: OAuthClient): Promise<string> {
    const deadline = Deadline.in(WAIT_MS);
    while (deadline.remaining > 0) {
      const shared = await this.adoptShared();
      if (shared !== undefined) {
        return shared;
      }
      const backoffMs = await this.backoff.remaining();
      if (backoffMs > 0) {
        throw noToken(backoffMs);
      }
      const lockKey = `farmlokal:oauth:fetching:${this.key}`;
      const lock = await this.lock.acquire(lockKey, LOCK_TTL_MS, PATIENT_COMMAND);
      if (lock.state === 'unavailable') {
        return this.fetch(client);
      }
      if (lock.state === 'acquired') {
        return this.fetchWithLock(client, () => lock.release());
      }
      await sleep(POLL_MS);
    }
    throw noToken(POLL_MS);
  }

  private async fetchWithLock(client: OAuthClient, release: () => Promise<void>): Promise<string> {
    try {
      // Another replica may have shared a token just before this one acquired the lock.
      return (await this.adoptShared()) ?? (await this.fetch(client));
    } finally {
      await release();
    }
  }

  private async adoptShared(): Promise<string | undefined> {
    const shared = await this.cache.readNewer();
    if (shared !== undefined) {
      this.setCurrent(shared);
    }
    return shared?.value;
  }

  private async fetch(client: OAuthClient): Promise<string> {
    const requestedAt = performance.now();
    try {
      const { token: value, lifetimeMs } = await requestGrant(client);
      this.metrics.count('granted');
      // A repeated token has no margin, because the provider issues no other token before this one expires.
      const marginMs =
        value === this.cache.current?.value
          ? 0
          : Math.min(lifetimeMs * MARGIN_SHARE, MARGIN_MAX_MS);
      const token = { value, expiresAt: requestedAt + lifetimeMs - marginMs };
      this.setCurrent(token);
      await Promise.all([this.cache.share(token), this.backoff.clear()]);
      return value;
    } catch (error) {
      if (!(error instanceof GrantError)) {
        throw error;
      }
      this.metrics.count(error.refused ? 'refused' : 'failed');
      this.reportFailure(error);
      await this.backoff.recordFailure(error.refused ? REFUSED : FAILED, error.retryAfterMs);
      throw noToken(await this.backoff.remaining(), error);
    }
  }

  private setCurrent(token: Token): void {
    const isRepeated = token.value === this.cache.current?.value;
    this.cache.setCurrent(token);
    this.renewal.schedule(token, isRepeated);
    this.lastFault = undefined;
    this.outage.clear('The OAuth provider issues tokens again.');
  }

  private async renew(): Promise<void> {
    try {
      await this.acquireToken();
    } catch {
      // Retries while the token is valid. After that, the next caller requests one.
      const { current } = this.cache;
      if (current !== undefined && performance.now() < current.expiresAt) {
        this.renewal.retryIn(await this.backoff.remaining());
      }
    }
  }

  private reportFailure({ message, description }: GrantError): void {
    this.lastFault = message;
    const details =
      description === undefined ? '' : ` The provider's description: "${description}"`;
    // The description may differ in every response.
    this.outage.warn(`The token request failed: ${message}.${details}`, message);
  }
}

function noToken(retryAfterMs: number, cause?: GrantError): Problem {
  return dependencyUnavailable('There is no access token for partners.', { retryAfterMs, cause });
}
