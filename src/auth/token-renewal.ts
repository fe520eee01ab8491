import type { Token } from './token-store.js';

/** A token is renewed after 70 to 80 % of its remaining lifetime. The random part keeps replicas from renewing it together. */
const RENEWAL_SHARE = 0.7;
const RENEWAL_JITTER = 0.1;
/** Delay of a renewal that would otherwise repeat at once, in milliseconds. */
const MIN_DELAY_MS = 20;

/** Renews the token in the background, so that no caller waits for a token while the provider works. */
export class TokenRenewal {
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(private readonly renew: () => Promise<void>) {}

  /**
   * Schedules the renewal of a token. The first replica whose timer fires renews the token for all.
   *
   * @param isRepeated whether the provider returned the same token again. Such a provider issues no other token before
   * this one expires.
   */
  schedule({ expiresAt }: Token, isRepeated: boolean): void {
    const lifetime = expiresAt - performance.now();
    this.runIn(
      isRepeated
        ? lifetime + MIN_DELAY_MS
        : lifetime * (RENEWAL_SHARE + RENEWAL_JITTER * Math.random()),
    );
  }

  /** Schedules another attempt after a failure. */
  retryIn(milliseconds: number): void {
    this.runIn(Math.max(milliseconds, MIN_DELAY_MS));
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  private runIn(milliseconds: number): void {
    clearTimeout(this.timer);
    if (!this.stopped) {
      this.timer = setTimeout(() => void this.renew(), milliseconds).unref();
    }
  }
}
