import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';

import { RedisConnection } from '../redis/redis-connection.js';
import type { Stock } from './stock.js';

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
export class LastStock {
  private readonly memory = new LRUCache<string, RememberedStock>({ max: IN_MEMORY, ttl: KEPT_MS });

  constructor(private readonly redis: RedisConnection) {}

  /** The answer that is in the process. */
  peek(sku: string): RememberedStock | undefined {
    return this.memory.get(sku);
  }

  /** The last answer about a product that any replica has had; the process's own where Redis does not answer. */
  async recall(sku: string): Promise<RememberedStock | undefined> {
    const text = await this.redis.attempt((redis) => redis.get(keyOf(sku)));
    const shared = typeof text === 'string' ? parse(text) : undefined;
    const own = this.memory.get(sku);
    if (shared === undefined || (own !== undefined && own.receivedAt >= shared.receivedAt)) {
      return own;
    }
    this.memory.set(sku, shared);
    return shared;
  }

  /** Keeps an answer for a day. Nobody has to wait for Redis to take it. */
  remember(sku: string, stock: RememberedStock): void {
    this.memory.set(sku, stock);
    void this.redis.attempt((redis) => redis.set(keyOf(sku), JSON.stringify(stock), 'PX', KEPT_MS));
  }

  /** What the inventory does not know any more must not come back when it fails. */
  forget(sku: string): void {
    this.memory.delete(sku);
    void this.redis.attempt((redis) => redis.unlink(keyOf(sku)));
  }
}

function keyOf(sku: string): string {
  return `farmlokal:stock:${sku}`;
}

function parse(text: string): RememberedStock | undefined {
  try {
    const { quantity, asOf, receivedAt } = (JSON.parse(text) ?? {}) as Record<string, unknown>;
    return typeof quantity === 'number' &&
      typeof asOf === 'string' &&
      typeof receivedAt === 'number'
      ? { quantity, asOf, receivedAt }
      : undefined;
  } catch {
    return undefined;
  }
}
