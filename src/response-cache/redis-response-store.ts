import { Injectable } from '@nestjs/common';

import { Environment } from '../config/environment.js';
import { REDIS_PAGE_TIMEOUT_MS, RedisConnection } from '../redis/redis-connection.js';
import type { StoredResponse } from './cached-response.js';

type Head = Omit<StoredResponse, 'body'>;

const NEWLINE = 0x0a;

/** The responses that all replicas share, in Redis: a line of JSON with the metadata, then the body. */
@Injectable()
export class RedisResponseStore {
  constructor(
    private readonly redis: RedisConnection,
    private readonly environment: Environment,
  ) {}

  /** Undefined when there is no response of this key, or no Redis. */
  async get(key: string): Promise<StoredResponse | undefined> {
    const bytes = await this.redis.attempt((redis) => redis.getBuffer(redisKey(key)), {
      timeoutMs: REDIS_PAGE_TIMEOUT_MS,
    });
    return bytes ? parse(bytes) : undefined;
  }

  /** Stores a response for as long as it may replace an error. */
  async set(key: string, { body, ...head }: StoredResponse): Promise<void> {
    const bytes = Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), body]);
    await this.redis.attempt((redis) =>
      redis.set(redisKey(key), bytes, 'PX', this.environment.CACHE_STALE_MS),
    );
  }

  async delete(key: string): Promise<void> {
    await this.redis.attempt((redis) => redis.unlink(redisKey(key)));
  }
}

function redisKey(key: string): string {
  return `farmlokal:page:${key}`;
}

/** Undefined when another build, or a person, wrote the bytes in another format. */
function parse(bytes: Buffer): StoredResponse | undefined {
  const end = bytes.indexOf(NEWLINE);
  try {
    const head: unknown = JSON.parse(bytes.toString('utf8', 0, end));
    if (!isHead(head)) {
      return undefined;
    }
    // A slice would keep the whole chunk from the network in memory, and a buffer from Node's pool its neighbours.
    const body = Buffer.allocUnsafeSlow(bytes.length - end - 1);
    bytes.copy(body, 0, end + 1);
    return { ...head, body };
  } catch {
    return undefined;
  }
}

function isHead(head: unknown): head is Head {
  const { version, readAt, etag, link } = (head ?? {}) as Partial<Record<keyof Head, unknown>>;
  return (
    typeof version === 'string' &&
    typeof readAt === 'number' &&
    typeof etag === 'string' &&
    (link === undefined || typeof link === 'string')
  );
}
