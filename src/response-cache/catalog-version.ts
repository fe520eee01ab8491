import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { randomUUID } from 'node:crypto';

import { REDIS_PAGE_TIMEOUT_MS, RedisConnection } from '../redis/redis-connection.js';

const KEY = 'farmlokal:catalogue-version';
/** How long a replica may go on without asking: half of the second that it has to follow a change. */
const ASK_AGAIN_MS = 500;
/** Marks left behind that are remembered: more than changes come between two backups of a Redis. */
const REMEMBERED_MARKS = 10_000;

/**
 * A mark that all replicas share and every catalogue change replaces. A page carries the mark under
 * which it was read: one with another mark is older than some change. Marks are random and never come
 * back: a Redis that was emptied gets a new one, and one that was rolled back is told a new one by
 * whoever has left the old one behind. So pages can only be taken for old, never for young.
 */
@Injectable()
export class CatalogVersion {
  private version: string = randomUUID();
  private readonly left = new LRUCache<string, true>({ max: REMEMBERED_MARKS });
  /** When Redis was last asked, and when it last answered, in the process's own milliseconds. */
  private askedAt = -Infinity;
  private answeredAt = -Infinity;
  private asking: Promise<void> | undefined;
  /** Whether Redis has yet to be told of a change of ours. */
  private untold = false;
  /** When that is tried again, whether or not anybody asks for pages. */
  private retry: NodeJS.Timeout | undefined;

  constructor(private readonly redis: RedisConnection) {}

  /** Whether the mark is known to be the one that all replicas share, give or take a second. */
  get shared(): boolean {
    return !this.untold && performance.now() - this.answeredAt < 2 * ASK_AGAIN_MS;
  }

  /** The version as far as this replica knows. */
  get known(): string {
    return this.version;
  }

  /** The version now. Asks Redis when it was last asked half a second ago, else answers at once. */
  current(): string | Promise<string> {
    if (performance.now() - this.askedAt < ASK_AGAIN_MS || !this.redis.available) {
      return this.version;
    }
    this.asking ??= this.ask().finally(() => {
      this.asking = undefined;
      this.askedAt = performance.now();
    });
    return this.asking.then(() => this.version);
  }

  /**
   * Makes every page read so far old: here at once, on the other replicas within a second, or, when
   * Redis is away, as soon as it is back. To be called after the change is committed.
   */
  async change(): Promise<void> {
    this.untold = true;
    const mark = randomUUID();
    this.adopt(mark);
    await this.tell(mark);
  }

  private async ask(): Promise<void> {
    if (this.untold) {
      await this.tell(randomUUID());
      return;
    }
    const before = this.version;
    const answers = await this.redis.attempt(
      (redis) => Promise.all([redis.set(KEY, randomUUID(), 'NX'), redis.get(KEY)]),
      { timeoutMs: REDIS_PAGE_TIMEOUT_MS },
    );
    const mark = answers?.[1];
    if (typeof mark !== 'string' || this.version !== before) {
      return;
    }
    if (this.left.has(mark)) {
      this.untold = true;
      await this.tell(randomUUID());
      return;
    }
    this.answeredAt = performance.now();
    this.adopt(mark);
  }

  /**
   * Tells Redis a mark, and goes by it once it is there. Each try takes a new one: one that failed may
   * have arrived all the same, and pages may have been read under it since.
   */
  private async tell(mark: string): Promise<void> {
    const before = this.version;
    const answer = await this.redis.attempt((redis) => redis.set(KEY, mark), {
      timeoutMs: REDIS_PAGE_TIMEOUT_MS,
    });
    if (answer === undefined) {
      this.tellLater();
    } else if (this.version === before) {
      this.untold = false;
      this.answeredAt = performance.now();
      this.adopt(mark);
    }
  }

  private tellLater(): void {
    if (!this.redis.configured) {
      return;
    }
    clearTimeout(this.retry);
    this.retry = setTimeout(() => {
      if (this.untold) void this.tell(randomUUID());
    }, ASK_AGAIN_MS).unref();
  }

  private adopt(mark: string): void {
    if (mark !== this.version) {
      this.left.set(this.version, true);
      this.version = mark;
    }
  }
}
