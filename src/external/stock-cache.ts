import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { createHash } from 'node:crypto';

import { Environment } from '../config/environment.js';
import { parseJson } from '../http/parse-json.js';
import { REDIS_PAGE_TIMEOUT_MS, RedisConnection } from '../redis/redis-connection.js';
import { readStock, type Stock } from './stock.js';

/** Lifetime of cached stock, in milliseconds: one day. */
const TTL_MS = 86_400_000;
/** Maximum number of entries in the process. */
const MAX_ENTRIES = 10_000;

/** A response of the inventory. */
export interface CachedStock extends Stock {
  /** When it was received, in milliseconds since the epoch. */
  readonly receivedAt: number;
}

/** The last response of the inventory for each sku: in the process, and for all replicas in Redis. */
@Injectable()
export class StockCache {
  private readonly memory = new LRUCache<string, CachedStock>({ max: MAX_ENTRIES });
  /** Separates the responses of different inventories in Redis. */
  private readonly inventory: string;

  constructor(
    private readonly redis: RedisConnection,
    { INVENTORY_API_URL = '' }: Environment,
  ) {
    this.inventory = createHash('sha256').update(INVENTORY_API_URL).digest('hex').slice(0, 8);
  }

  /** The entry in the process. */
  peek(sku: string): CachedStock | undefined {
    return this.memory.get(sku);
  }

  /** The latest entry of all replicas. Without Redis, the entry in the process. */
  async get(sku: string): Promise<CachedStock | undefined> {
    const text = await this.redis.attempt((redis) => redis.get(this.keyOf(sku)), {
      timeoutMs: REDIS_PAGE_TIMEOUT_MS,
    });
    const shared = typeof text === 'string' ? parse(text, sku) : undefined;
    const own = this.memory.get(sku);
    if (shared === undefined || (own !== undefined && own.receivedAt >= shared.receivedAt)) {
      return own;
    }
    this.memory.set(sku, shared, { ttl: ttlOf(shared) });
    return shared;
  }

  /** Stores an entry for a day, in Redis without waiting for its reply. */
  set(sku: string, stock: CachedStock): void {
    this.memory.set(sku, stock, { ttl: TTL_MS });
    void this.redis.attempt((redis) =>
      redis.set(this.keyOf(sku), JSON.stringify({ sku, ...stock }), 'PX', TTL_MS),
    );
  }

  /** Deletes an entry, so that it is not served when the inventory fails later. */
  delete(sku: string): void {
    this.memory.delete(sku);
    void this.redis.attempt((redis) => redis.unlink(this.keyOf(sku)));
  }

  private keyOf(sku: string): string {
    return `farmlokal:stock:${this.inventory}:${sku}`;
  }
}

function parse(text: string, sku: string): CachedStock | undefined {
  const entry = parseJson(text);
  const stock = readStock(entry, sku);
  const { receivedAt } = (entry ?? {}) as { receivedAt?: unknown };
  return stock && typeof receivedAt === 'number' && ttlOf({ receivedAt }) > 0
    ? { ...stock, receivedAt }
    : undefined;
}

function ttlOf({ receivedAt }: Pick<CachedStock, 'receivedAt'>): number {
  return Math.min(TTL_MS, TTL_MS - (Date.now() - receivedAt));
}
