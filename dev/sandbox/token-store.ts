import type { Adapter, AdapterPayload } from 'oidc-provider';

const MAX_TOKENS = 10_000;

interface StoredToken {
  readonly payload: AdapterPayload;
  readonly expiresAt: number;
}

/**
 * What the authorization server has issued, each for exactly the time it was issued for. Beyond
 * 10,000 tokens the oldest are forgotten.
 */
export class TokenStore implements Adapter {
  private readonly tokens = new Map<string, StoredToken>();

  async upsert(id: string, payload: AdapterPayload, expiresIn = Infinity): Promise<void> {
    // oidc-provider counts in whole seconds and would expire a token up to one second early.
    const rounded = payload.exp === undefined ? payload : { ...payload, exp: payload.exp + 1 };
    this.tokens.set(id, { payload: rounded, expiresAt: Date.now() + expiresIn * 1_000 });
    if (this.tokens.size > MAX_TOKENS) {
      const [oldest] = this.tokens.keys();
      if (oldest !== undefined) this.tokens.delete(oldest);
    }
    return Promise.resolve();
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    const token = this.tokens.get(id);
    if (token !== undefined && token.expiresAt <= Date.now()) this.tokens.delete(id);
    return Promise.resolve(this.tokens.has(id) ? token?.payload : undefined);
  }

  async destroy(id: string): Promise<void> {
    this.tokens.delete(id);
    return Promise.resolve();
  }

  /** Forgets them all. */
  clear(): void {
    this.tokens.clear();
  }

  // Client credentials come without users, sessions, grants and codes.

  async findByUserCode(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  async findByUid(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  async consume(): Promise<void> {
    return Promise.resolve();
  }

  async revokeByGrantId(): Promise<void> {
    return Promise.resolve();
  }
}
