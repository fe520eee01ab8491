import type { Adapter, AdapterPayload } from 'oidc-provider';

const MAX_TOKENS = 10_000;

interface StoredToken {
  readonly payload: AdapterPayload;
  readonly expiresAt: number;
}

/** Keeps the tokens of the authorization server until they expire. Beyond 10,000 tokens it drops the oldest. */
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

  clear(): void {
    this.tokens.clear();
  }

  // The interface requires these methods, but the client credentials grant does not use them.

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
