import {
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';

import { TokenProvider } from '../auth/token-provider.js';
import { Environment } from '../config/environment.js';
import { partnerFetch } from '../http/partner-fetch.js';
import { retryAfterMs } from '../http/retry-after.js';
import { ConditionLog } from '../logging/condition-log.js';
import { exponentialBackoff } from '../resilience/exponential-backoff.js';
import { loopClock } from '../resilience/loop-clock.js';
import { EVENT_TYPES } from './catalog-event.js';

const TIMEOUT_MS = 3000;
const MAX_RESPONSE_BYTES = 64 * 1024;
/** The jitter keeps replicas that start together from retrying together. */
const BACKOFF = { minMs: 1000, maxMs: 60_000, jitter: 0.5 };

/** `off` when `CATALOG_API_URL` or `PUBLIC_URL` is unset. */
export type SubscriptionState = 'off' | 'pending' | 'registered';

/** A failed attempt to register. */
interface RegistrationFailure {
  readonly reason: string;
  /** From the response's `Retry-After`. */
  readonly retryAfterMs?: number | undefined;
}

/**
 * Registers the callback with API B: `PUT {CATALOG_API_URL}/subscriptions/farmlokal`. Retries in the background until it
 * succeeds. Every replica registers, because the request is idempotent.
 */
@Injectable()
export class Subscription implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(Subscription.name);
  private readonly failures = new ConditionLog(this.logger);
  private readonly stopped = new AbortController();
  private readonly target: { url: string; callback: string } | undefined;
  private registered = false;

  constructor(
    { CATALOG_API_URL, PUBLIC_URL }: Environment,
    private readonly tokens: TokenProvider,
  ) {
    if (CATALOG_API_URL !== undefined && PUBLIC_URL !== undefined) {
      this.target = {
        url: `${CATALOG_API_URL}/subscriptions/farmlokal`,
        callback: `${PUBLIC_URL}/api/webhooks/catalog`,
      };
    }
  }

  get state(): SubscriptionState {
    if (this.target === undefined) return 'off';
    return this.registered ? 'registered' : 'pending';
  }

  onApplicationBootstrap(): void {
    if (this.target !== undefined) {
      void this.registerWithRetries(this.target.url, this.target.callback);
    }
  }

  onApplicationShutdown(): void {
    this.stopped.abort();
  }

  private async registerWithRetries(url: string, callback: string): Promise<void> {
    const { signal } = this.stopped;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      const failure = await this.register(url, callback);
      if (this.stopped.signal.aborted) {
        return;
      }
      if (failure === undefined) {
        this.registered = true;
        this.logger.log('The callback is registered with the catalog API.');
        return;
      }
      this.failures.warn(`The callback is not registered yet: ${failure.reason}.`);
      const delayMs = Math.max(exponentialBackoff(attempt, BACKOFF), failure.retryAfterMs ?? 0);
      await sleep(delayMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  private async register(url: string, callback: string): Promise<RegistrationFailure | undefined> {
    try {
      const token = await this.tokens.getToken();
      const { status, ok, headers } = await loopClock.withAbortSignal(TIMEOUT_MS, (timeout) =>
        partnerFetch(url, {
          method: 'PUT',
          headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
          body: JSON.stringify({ url: callback, events: EVENT_TYPES }),
          signal: AbortSignal.any([timeout, this.stopped.signal]),
          maxBytes: MAX_RESPONSE_BYTES,
        }),
      );
      if (status === 401) {
        await this.tokens.invalidate(token);
      }
      return ok
        ? undefined
        : {
            reason: `the catalog API responded with status ${status}`,
            retryAfterMs: retryAfterMs(headers),
          };
    } catch (error) {
      const { message } = error as Error;
      return { reason: message.replace(/\.$/, '') };
    }
  }
}
