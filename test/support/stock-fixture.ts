import { Redis } from 'ioredis';

import type { RedisServer } from '../../dev/redis-server.js';
import { type HttpResponse, httpFetch } from './http.js';
import { createDatabase, type Database } from './database.js';
import { insertProducts } from './products.js';
import { startRedis } from './redis-server.js';
import { type Sandbox, startSandbox } from './sandbox.js';
import { type Service, startReadyService } from './service.js';

export interface Availability {
  readonly productId: string;
  readonly quantity: number;
  readonly asOf: string;
  readonly stale: boolean;
}

/** Milliseconds for which the service serves a stock level without a new request to the inventory. */
export const FRESH_MS = 2000;
const PRODUCTS = 10_000;

/** The partners, and products whose stock nobody has requested yet. */
export class StockFixture {
  private used = 0;

  private constructor(
    readonly database: Database,
    readonly sandbox: Sandbox,
    /** A client of the Redis that the services share. */
    readonly redis: Redis,
    private readonly redisServer: RedisServer,
    private readonly ids: readonly string[],
    private readonly env: Record<string, string>,
  ) {}

  /** @param env additional environment of every replica. */
  static async start(env: Record<string, string>): Promise<StockFixture> {
    const [database, redisServer, sandbox] = await Promise.all([
      createDatabase(),
      startRedis(),
      startSandbox(),
    ]);
    const ids = await insertProducts(database, Array<object>(PRODUCTS).fill({}));
    return new StockFixture(database, sandbox, new Redis(redisServer.url), redisServer, ids, env);
  }

  /** Starts a replica; `env` overrides the environment of the fixture. */
  async startService(env: Record<string, string> = {}): Promise<Service> {
    return await startReadyService({
      DATABASE_URL: this.database.url,
      REDIS_URL: this.redisServer.url,
      ...this.sandbox.environment(),
      DATABASE_STATEMENT_TIMEOUT_MS: '2000',
      LOG_LEVEL: 'trace',
      ...this.env,
      ...env,
    });
  }

  /** Resets the partners and empties Redis. */
  async reset(): Promise<void> {
    await Promise.all([this.sandbox.reset(), this.redis.flushall()]);
  }

  /** The id of a product whose stock nobody has requested yet. */
  unseenProduct(): string {
    const id = this.ids[this.used];
    if (id === undefined) throw new Error('All products are used up');
    this.used += 1;
    return id;
  }

  async skuOf(id: string): Promise<string> {
    const [row] = await this.database.query<{ sku: string }>(
      'SELECT sku FROM products WHERE id = $1',
      [id],
    );
    return row?.sku ?? '';
  }

  /** How many stock requests the inventory has received. */
  async requests(): Promise<number> {
    return (await this.sandbox.state()).inventory.counts.requests;
  }

  async stop(): Promise<void> {
    this.redis.disconnect();
    await Promise.all([this.database.drop(), this.redisServer.stop(), this.sandbox.stop()]);
  }
}

export async function availability<Body = Availability>(
  { url }: Service,
  id: string,
): Promise<HttpResponse<Body>> {
  return await httpFetch<Body>(`${url}/api/products/${id}/availability`);
}
