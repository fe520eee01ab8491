import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Counter, Gauge, Registry } from 'prom-client';

import { Environment } from '../config/environment.js';
import { Deadline } from '../resilience/deadline.js';
import { dependencyUnavailable } from '../problems/problem.js';
import { RedisConnection } from '../redis/redis-connection.js';
import { type Lock, RedisLock } from '../redis/redis-lock.js';
import {
  GRANT_TIMEOUT_MS,
  GrantError,
  type OAuthClient,
  requestGrant,
} from './client-credentials-grant.js';
import { SharedBackoff, type BackoffPolicy } from './shared-backoff.js';
import { PATIENTLY, type Token, TokenStore } from './token-store.js';

/** Life of the lock on fetching: an owner that lives has its token, or has given up, before it ends. */
const LOCK_TTL_MS = GRANT_TIMEOUT_MS + 1000;
/** How long a caller waits for another replica's token: until a dead owner's lock is gone, and some. */
const WAIT_MS = LOCK_TTL_MS + 1000;
const POLL_MS = 20;

/** A token is not used in the last part of its life: it has a way to go, and clocks differ. */
const MARGIN_PART = 0.1;
const MARGIN_MAX_MS = 60_000;
/** After which part of what it is used for a token is renewed, and by how much that is varied. */
const RENEWAL_PART = 0.7;
const RENEWAL_JITTER_PART = 0.1;

const FAILED: BackoffPolicy = (strikes) => Math.min(1000 * 2 ** (strikes - 1), 10_000);
/** A provider that has said no says so again, until an operator has changed something. */
const REFUSED: BackoffPolicy = (strikes) => Math.min(15_000 * 2 ** (strikes - 1), 60_000);

/**
 * The access token for partners (RFC 6749, section 4.4): one for all replicas, renewed ahead of its end.
 *
 * It is looked for in the process, then in Redis, then fetched under a lock in Redis. A provider that
 * fails is left alone for a while, longer each time, by all replicas. Redis may be slow: only when its connection is
 * gone does each process fetch for itself, once at a time.
 */
@Injectable()
export class TokenProvider implements OnApplicationShutdown {
  private readonly logger = new Logger(TokenProvider.name);
  private readonly client: OAuthClient | undefined;
  private readonly store: TokenStore;
  private readonly holdOff: SharedBackoff;
  private readonly lockKey: string;
  private readonly fetches: Counter<'result'>;

  private held: Token | undefined;
  private heldSince = -Infinity;
  /** The last token that a partner did not take: Redis may still have it. */
  private rejected: string | undefined;
  private flight: Promise<string> | undefined;
  private renewal: NodeJS.Timeout | undefined;
  private stopped = false;
  /** What is known to be wrong with the provider; it is logged once, not with every fetch. */
  private knownFault: string | undefined;

  constructor(
    environment: Environment,
    redis: RedisConnection,
    private readonly lock: RedisLock,
    registry: Registry,
  ) {
    this.client = oauthClient(environment);
    const identity = identify(this.client);
    this.store = new TokenStore(redis, `farmlokal:oauth:token:${identity}`);
    this.holdOff = new SharedBackoff(redis, `farmlokal:oauth:hold-off:${identity}`);
    this.lockKey = `farmlokal:oauth:fetching:${identity}`;
    this.fetches = new Counter({
      name: 'farmlokal_oauth_token_fetches_total',
      help: 'Requests for a token that this process has sent, by what became of them.',
      labelNames: ['result'],
      registers: [registry],
    });
    this.publishAge([registry]);
  }

  /** Whether there is an OAuth client at all. */
  get configured(): boolean {
    return this.client !== undefined;
  }

  /** What was wrong with the provider when this process last asked it; undefined once there is a token. */
  get fault(): string | undefined {
    return this.knownFault;
  }

  /**
   * A token that is good for a while. Answers at once as long as there is one, else within
   * {@link WAIT_MS} and {@link GRANT_TIMEOUT_MS} together.
   *
   * @throws Problem `dependency-unavailable` when the provider gives none, or no client is configured.
   */
  async getToken(): Promise<string> {
    const { held } = this;
    if (held !== undefined && performance.now() < held.expiresAt) {
      return held.value;
    }
    return this.fly();
  }

  /** Drops a token that a partner has answered with 401, here and in Redis; a newer one stays. */
  async invalidate(token: string): Promise<void> {
    if (token === this.rejected) {
      return;
    }
    this.rejected = token;
    if (this.held?.value === token) {
      this.held = undefined;
    }
    await this.store.drop(token);
  }

  onApplicationShutdown(): void {
    this.stopped = true;
    clearTimeout(this.renewal);
  }

  /** Joins the search for a token, or starts it: there is one at a time in a process. */
  private fly(): Promise<string> {
    this.flight ??= this.obtain().finally(() => {
      this.flight = undefined;
    });
    return this.flight;
  }

  private async obtain(): Promise<string> {
    const { client } = this;
    if (client === undefined) {
      throw dependencyUnavailable('No OAuth client is configured.');
    }
    const deadline = Deadline.in(WAIT_MS);
    while (deadline.remaining > 0) {
      const shared = await this.adoptShared();
      if (shared !== undefined) {
        return shared;
      }
      const pause = await this.holdOff.remaining();
      if (pause > 0) {
        throw unavailable(pause);
      }
      const lock = await this.lock.acquire(this.lockKey, LOCK_TTL_MS, PATIENTLY);
      if (lock.state !== 'contended') {
        return this.fetchWithLock(lock, client);
      }
      await sleep(POLL_MS);
    }
    throw unavailable(POLL_MS);
  }

  private async fetchWithLock(
    lock: Exclude<Lock, { state: 'contended' }>,
    client: OAuthClient,
  ): Promise<string> {
    if (lock.state === 'unavailable') {
      return this.fetch(client);
    }
    try {
      // Between the last look and the lock, another may have fetched.
      return (await this.adoptShared()) ?? (await this.fetch(client));
    } finally {
      await lock.release();
    }
  }

  /** Takes the shared token when it is another one than ours, and lives longer. */
  private async adoptShared(): Promise<string | undefined> {
    const shared = await this.store.get();
    const { held, rejected } = this;
    if (
      shared === undefined ||
      shared.value === rejected ||
      shared.value === held?.value ||
      shared.expiresAt <= (held?.expiresAt ?? -Infinity)
    ) {
      return undefined;
    }
    this.hold(shared);
    return shared.value;
  }

  private async fetch(client: OAuthClient): Promise<string> {
    const askedAt = performance.now();
    try {
      const { token, lifetimeMs } = await requestGrant(client);
      this.fetches.inc({ result: 'granted' });
      this.rejected = undefined;
      const margin =
        token === this.held?.value ? 0 : Math.min(lifetimeMs * MARGIN_PART, MARGIN_MAX_MS);
      const fetched = { value: token, expiresAt: askedAt + lifetimeMs - margin };
      this.hold(fetched);
      await Promise.all([this.store.put(fetched), this.holdOff.clear()]);
      return token;
    } catch (error) {
      if (!(error instanceof GrantError)) {
        throw error;
      }
      this.fetches.inc({ result: error.refused ? 'refused' : 'failed' });
      this.report(error.message, error.description);
      await this.holdOff.strike(error.refused ? REFUSED : FAILED, error.retryAfterMs);
      throw unavailable(await this.holdOff.remaining(), error);
    }
  }

  private hold(token: Token): void {
    this.report(undefined);
    const again = token.value === this.held?.value;
    this.held = token;
    this.heldSince = performance.now();
    const life = token.expiresAt - performance.now();
    // A provider that gives the same token until it expires cannot be asked for another one ahead.
    this.renewAfter(
      again ? life + POLL_MS : life * (RENEWAL_PART + RENEWAL_JITTER_PART * Math.random()),
    );
  }

  /** By a timer, so that no caller has to come for it; whichever replica's is first does it for all. */
  private renewAfter(milliseconds: number): void {
    clearTimeout(this.renewal);
    if (!this.stopped) {
      this.renewal = setTimeout(() => void this.renew(), milliseconds).unref();
    }
  }

  private async renew(): Promise<void> {
    try {
      await this.fly();
    } catch {
      // As long as there is a token, another try is made; when it is gone, by whoever needs one.
      if (this.held !== undefined && performance.now() < this.held.expiresAt) {
        this.renewAfter(Math.max(await this.holdOff.remaining(), POLL_MS));
      }
    }
  }

  private publishAge(registers: Registry[]): void {
    const age = new Gauge({
      name: 'farmlokal_oauth_token_age_seconds',
      help: 'How long ago this process came by the token for partners; absent while there is none.',
      registers,
      collect: () => {
        age.remove();
        if (this.held !== undefined) age.set((performance.now() - this.heldSince) / 1000);
      },
    });
    const left = new Gauge({
      name: 'farmlokal_oauth_token_expires_in_seconds',
      help: 'For how long the token for partners is used yet, below zero when it is over; absent while there is none.',
      registers,
      collect: () => {
        left.remove();
        if (this.held !== undefined) left.set((this.held.expiresAt - performance.now()) / 1000);
      },
    });
  }

  private report(fault: string | undefined, description?: string): void {
    if (fault === this.knownFault) {
      return;
    }
    this.knownFault = fault;
    if (fault === undefined) {
      this.logger.log('The OAuth provider gives tokens again.');
    } else {
      const explanation = description === undefined ? '' : ` It explains: "${description}"`;
      this.logger.warn(`No token from the OAuth provider: ${fault}.${explanation}`);
    }
  }
}

function oauthClient({
  OAUTH_TOKEN_URL: tokenUrl,
  OAUTH_CLIENT_ID: clientId,
  OAUTH_CLIENT_SECRET: clientSecret,
  OAUTH_CLIENT_AUTH: clientAuth,
  OAUTH_SCOPE: scope,
  OAUTH_TOKEN_PARAMETERS: tokenParameters,
}: Environment): OAuthClient | undefined {
  return tokenUrl === undefined || clientId === undefined || clientSecret === undefined
    ? undefined
    : { tokenUrl, clientId, clientSecret, clientAuth, scope, tokenParameters };
}

/**
 * Names the client in Redis: what concerns another one, or this one with another secret, is not ours. Of
 * the secret only 16 bits go into it, too few to find it out by.
 */
function identify(client: OAuthClient | undefined): string {
  const { tokenUrl, clientId, clientSecret, clientAuth, scope, tokenParameters } = client ?? {};
  const digest = (...parts: unknown[]): string =>
    createHash('sha256').update(JSON.stringify(parts)).digest('hex');
  const request = digest(tokenUrl, clientId, clientAuth, scope, tokenParameters);
  return request.slice(0, 16) + digest(clientSecret).slice(0, 4);
}

function unavailable(retryAfterMs: number, cause?: GrantError): Error {
  return dependencyUnavailable('There is no token for partners right now.', {
    retryAfterMs,
    cause,
  });
}
