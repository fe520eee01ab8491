import type { Token, TokenStore } from './token-store.js';

/** The current token of this process, in front of the token that all replicas share. */
export class TokenCache {
  private token: Token | undefined;
  private tokenSince = -Infinity;
  /** The last token that a partner rejected. Redis may still return it. */
  private rejected: string | undefined;

  constructor(private readonly store: TokenStore) {}

  /** The latest token, which may have expired. */
  get current(): Token | undefined {
    return this.token;
  }

  /** When {@link current} was set, in the time of `performance.now()`. */
  get currentSince(): number {
    return this.tokenSince;
  }

  setCurrent(token: Token): void {
    this.token = token;
    this.tokenSince = performance.now();
  }

  /** Returns the shared token if it expires later than the current token, and is neither that one nor the rejected one. */
  async readNewer(): Promise<Token | undefined> {
    const shared = await this.store.get();
    const { token, rejected } = this;
    return shared !== undefined &&
      shared.value !== rejected &&
      shared.value !== token?.value &&
      shared.expiresAt > (token?.expiresAt ?? -Infinity)
      ? shared
      : undefined;
  }

  /** Shares a token that the provider has just issued. It counts as valid even if a partner rejected it before. */
  async share(token: Token): Promise<void> {
    this.rejected = undefined;
    await this.store.set(token);
  }

  /** Removes a rejected token here and in Redis, but not a newer one. */
  async invalidate(value: string): Promise<void> {
    if (value === this.rejected) {
      return;
    }
    this.rejected = value;
    if (this.token?.value === value) {
      this.token = undefined;
    }
    await this.store.delete(value);
  }
}
