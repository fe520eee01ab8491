import { beforeEach, describe, expect, it } from '@jest/globals';

import { TokenCache } from './token-cache.js';
import type { Token, TokenStore } from './token-store.js';

const OLD: Token = { value: 'old', expiresAt: 1000 };
const NEW: Token = { value: 'new', expiresAt: 2000 };

let shared: Token | undefined;
let cache: TokenCache;

beforeEach(() => {
  shared = undefined;
  cache = new TokenCache({
    get: () => Promise.resolve(shared),
    set: (token: Token) => {
      shared = token;
      return Promise.resolve();
    },
    delete: (value: string) => {
      if (shared?.value === value) shared = undefined;
      return Promise.resolve();
    },
  } as TokenStore);
});

describe(TokenCache.name, () => {
  it('reads a shared token that expires later than the current one', async () => {
    cache.setCurrent(OLD);
    shared = NEW;
    expect(await cache.readNewer()).toBe(NEW);
  });

  it.each([
    ['the current one', NEW],
    ['one that expires earlier', OLD],
    ['absent', undefined],
  ])('ignores a shared token that is %s', async (_, token) => {
    cache.setCurrent(NEW);
    shared = token;
    expect(await cache.readNewer()).toBeUndefined();
  });

  it('removes a rejected token, and ignores it when it is in Redis again', async () => {
    cache.setCurrent(OLD);
    await cache.share(OLD);
    await cache.invalidate('old');
    expect([cache.current, shared]).toEqual([undefined, undefined]);
    shared = OLD;
    expect(await cache.readNewer()).toBeUndefined();
  });

  it('keeps a newer token when an older one is rejected', async () => {
    cache.setCurrent(NEW);
    await cache.share(NEW);
    await cache.invalidate('old');
    expect([cache.current, shared]).toEqual([NEW, NEW]);
  });

  it('accepts a rejected token again when the provider issues it again', async () => {
    await cache.invalidate('old');
    await cache.share(OLD);
    expect(await cache.readNewer()).toBe(OLD);
  });
});
