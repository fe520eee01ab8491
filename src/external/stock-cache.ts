import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { createHash } from 'node:crypto';

import { Environment } from '../config/environment.js';
import { REDIS_PAGE_TIMEOUT_MS, RedisConnection } from '../redis/redis-connection.js';
import { readStock, type Stock } from './stock.js';

/** How long an answer may stand in for one that cannot be had. */
const KEPT_MS = 86_400_000;
/** Products whose answer is also kept in the process. */
const IN_MEMORY = 10_000;

/** An answer of the inventory, and when it was given. */
export interface RememberedStock extends Stock {
  /** Milliseconds since the epoch. */
  readonly receivedAt: number;
}

/** The inventory's last answers by sku: in the process, and for all replicas in Redis. */
@Injectable()
export class StockCache {
  private readonly memory = new LRUCache<string, RememberedStock>({ max: IN_MEMORY });
  /** What another inventory has said is of no use. */
  private readonly inventory: string;

  constructor(
    private readonly redis: RedisConnection,
    { INVENTORY_API_URL = '' }: Environment,
  ) {
    this.inventory = createHash('sha256').update(INVENTORY_API_URL).digest('hex').slice(0, 8);
  }

  /** The answer that is in the process. */
  peek(sku: string): RememberedStock | undefined {
    return this.memory.get(sku);
  }

  /** The last answer about a product that any replica has had; the process's own where Redis does not answer. */
  async recall(sku: string): Promise<RememberedStock | undefined> {
    const text = await this.redis.attempt((redis) => redis.get(this.keyOf(sku)), {
      timeoutMs: REDIS_PAGE_TIMEOUT_MS,
    });
    const shared = typeof text === 'string' ? parse(text, sku) : undefined;
    const own = this.memory.get(sku);
    if (shared === undefined || (own !== undefined && own.receivedAt >= shared.receivedAt)) {
      return own;
    }
    this.memory.set(sku, shared, { ttl: lifeOf(shared) });
    return shared;
  }

  /** Keeps an answer for a day. Nobody has to wait for Redis to take it. */
  remember(sku: string, stock: RememberedStock): void {
    this.memory.set(sku, stock, { ttl: KEPT_MS });
    void this.redis.attempt((redis) =>
      redis.set(this.keyOf(sku), JSON.stringify({ sku, ...stock }), 'PX', KEPT_MS),
    );
  }

  /** What the inventory does not know any more must not come back when it fails. */
  forget(sku: string): void {
    this.memory.delete(sku);
    void this.redis.attempt((redis) => redis.unlink(this.keyOf(sku)));
  }

  private keyOf(sku: string): string {
    return `farmlokal:stock:${this.inventory}:${sku}`;
  }
}

function parse(text: string, sku: string): RememberedStock | undefined {
  try {
    const remembered = JSON.parse(text) as { receivedAt?: unknown } | null;
    const stock = readStock(remembered, sku);
    const receivedAt = remembered?.receivedAt;
    return stock && typeof receivedAt === 'number' && lifeOf({ receivedAt }) > 0
      ? { ...stock, receivedAt }
      : undefined;
  } catch {
    return undefined;
  }
}

function lifeOf({ receivedAt }: Pick<RememberedStock, 'receivedAt'>): number {
  return Math.min(KEPT_MS, KEPT_MS - (Date.now() - receivedAt));
}
