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
import { loopClock } from '../resilience/loop-clock.js';
import { EVENT_TYPES } from './catalog-event.js';

const TIMEOUT_MS = 3000;
const MAX_ANSWER_BYTES = 64 * 1024;
const BACKOFF_MS = 1000;
const BACKOFF_MAX_MS = 60_000;

/** Where the registration stands: `off` when it is not configured. */
export type SubscriptionState = 'off' | 'pending' | 'registered';

/** What keeps the callback from being registered, and for how long API B asks to be left alone. */
interface Obstacle {
  readonly fault: string;
  readonly retryAfterMs?: number | undefined;
}

/**
 * Registers the callback with API B: `PUT {CATALOG_API_URL}/subscriptions/farmlokal`. That goes on in the
 * background until it has succeeded; every replica does it, and the last one says the same as the first.
 */
@Injectable()
export class Subscription implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(Subscription.name);
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
    void this.persevere();
  }

  onApplicationShutdown(): void {
    this.stopped.abort();
  }

  private async persevere(): Promise<void> {
    const { target } = this;
    const { signal } = this.stopped;
    let fault: string | undefined;
    for (let attempt = 0; target !== undefined && !signal.aborted; attempt += 1) {
      const found = await this.register(target.url, target.callback);
      if (this.stopped.signal.aborted) {
        return;
      }
      if (found === undefined) {
        this.registered = true;
        this.logger.log('The callback is registered with the catalogue API.');
        return;
      }
      if (found.fault !== fault) {
        fault = found.fault;
        this.logger.warn(`The callback is not registered yet: ${fault}.`);
      }
      // Half of the pause is at random: replicas that start together do not come back together.
      const pause = Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** attempt) * (0.5 + Math.random() / 2);
      await sleep(Math.max(pause, found.retryAfterMs ?? 0), undefined, {
        signal,
        ref: false,
      }).catch(() => undefined);
    }
  }

  /** Tries once; gives what is in the way. */
  private async register(url: string, callback: string): Promise<Obstacle | undefined> {
    try {
      const token = await this.tokens.getToken();
      const { status, ok, headers } = await loopClock.withAbortSignal(TIMEOUT_MS, (late) =>
        partnerFetch(url, {
          method: 'PUT',
          headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
          body: JSON.stringify({ url: callback, events: EVENT_TYPES }),
          signal: AbortSignal.any([late, this.stopped.signal]),
          maxBytes: MAX_ANSWER_BYTES,
        }),
      );
      if (status === 401) {
        await this.tokens.invalidate(token);
      }
      return ok
        ? undefined
        : {
            fault: `the catalogue API answers with status ${status}`,
            retryAfterMs: retryAfterMs(headers),
          };
    } catch (error) {
      const { message } = error as Error;
      return { fault: message.replace(/\.$/, '') };
    }
  }
}
