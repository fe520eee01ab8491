import { Counter, Gauge, type Registry } from 'prom-client';

import type { TokenCache } from './token-cache.js';

/** Publishes the age and the remaining lifetime of the current token, and counts token requests. */
export class TokenMetrics {
  private readonly requests: Counter<'result'>;

  constructor(cache: TokenCache, registry: Registry) {
    const registers = [registry];
    this.requests = new Counter({
      name: 'farmlokal_oauth_token_fetches_total',
      help: 'Token requests that this process sent, by result.',
      labelNames: ['result'],
      registers,
    });
    const age = new Gauge({
      name: 'farmlokal_oauth_token_age_seconds',
      help: 'Seconds since this process received its current access token; absent without a token.',
      registers,
      collect: () => {
        age.remove();
        if (cache.current !== undefined) age.set((performance.now() - cache.currentSince) / 1000);
      },
    });
    const expiry = new Gauge({
      name: 'farmlokal_oauth_token_expires_in_seconds',
      help: 'Seconds until this process stops using its current access token; negative after that, absent without a token.',
      registers,
      collect: () => {
        expiry.remove();
        const { current } = cache;
        if (current !== undefined) expiry.set((current.expiresAt - performance.now()) / 1000);
      },
    });
  }

  /** Counts a token request. */
  count(result: 'granted' | 'refused' | 'failed'): void {
    this.requests.inc({ result });
  }
}
