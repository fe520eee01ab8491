import { Injectable } from '@nestjs/common';

import { Environment } from '../config/environment.js';
import { REDIS_PAGE_TIMEOUT_MS, RedisConnection } from '../redis/redis-connection.js';
import type { CachedResponse } from './cached-response.js';

/** A page with what tells its age. */
export interface StoredResponse extends CachedResponse {
  /** The catalogue version under which it was read. */
  readonly version: string;
  /** When it was read, milliseconds since the epoch. */
  readonly readAt: number;
}

type Head = Omit<StoredResponse, 'body'>;

const NEWLINE = 0x0a;

/** The pages that all replicas share, in Redis: a line of JSON about the page, then its bytes. */
@Injectable()
export class RedisResponseStore {
  constructor(
    private readonly redis: RedisConnection,
    private readonly environment: Environment,
  ) {}

  /** The page under a key; undefined when there is none, or no Redis. */
  async get(key: string): Promise<StoredResponse | undefined> {
    const bytes = await this.redis.attempt((redis) => redis.getBuffer(redisKey(key)), {
      timeoutMs: REDIS_PAGE_TIMEOUT_MS,
    });
    return bytes ? parse(bytes) : undefined;
  }

  /** Keeps a page for as long as it may stand in for a failing database. */
  async set(key: string, { body, ...head }: StoredResponse): Promise<void> {
    const bytes = Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), body]);
    await this.redis.attempt((redis) =>
      redis.set(redisKey(key), bytes, 'PX', this.environment.CACHE_STALE_MS),
    );
  }

  /** Forgets the page under a key. */
  async delete(key: string): Promise<void> {
    await this.redis.attempt((redis) => redis.unlink(redisKey(key)));
  }
}

function redisKey(key: string): string {
  return `farmlokal:page:${key}`;
}

function parse(bytes: Buffer): StoredResponse | undefined {
  const end = bytes.indexOf(NEWLINE);
  try {
    const head: unknown = JSON.parse(bytes.toString('utf8', 0, end));
    if (!isHead(head)) {
      return undefined;
    }
    // A copy, for the slice would keep the whole chunk from the network in memory, and not from Node's
    // pool, of which it would keep its neighbours.
    const body = Buffer.allocUnsafeSlow(bytes.length - end - 1);
    bytes.copy(body, 0, end + 1);
    return { ...head, body };
  } catch {
    return undefined;
  }
}

/** What another build wrote, or someone by hand, is no page of ours. */
function isHead(head: unknown): head is Head {
  const { version, readAt, etag, link } = (head ?? {}) as Partial<Record<keyof Head, unknown>>;
  return (
    typeof version === 'string' &&
    typeof readAt === 'number' &&
    typeof etag === 'string' &&
    (link === undefined || typeof link === 'string')
  );
}
