import { Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';

import { RedisConnection } from '../redis/redis-connection.js';

const KEY = 'farmlokal:catalogue-version';
/** How long a replica may go on without asking: half of the second that it has to follow a change. */
const ASK_AGAIN_MS = 500;

/**
 * A mark that all replicas share and every catalogue change replaces. A page carries the mark under
 * which it was read: one with another mark is older than some change. Marks are random and compared
 * for equality, so a Redis that was emptied or rolled back makes pages old, never young.
 */
@Injectable()
export class CatalogueVersion {
  private version: string = randomUUID();
  private askedAt = 0;
  private asking: Promise<void> | undefined;
  /** A change of ours that Redis has not been told yet. */
  private untold = false;

  constructor(private readonly redis: RedisConnection) {}

  /** Whether the shared pages can be told old from young: not while a change of ours is unknown there. */
  get shared(): boolean {
    return !this.untold;
  }

  /** The version now. Asks Redis when it was last asked half a second ago, else answers at once. */
  current(): string | Promise<string> {
    if (Date.now() - this.askedAt < ASK_AGAIN_MS || !this.redis.available) {
      return this.version;
    }
    this.asking ??= this.ask().finally(() => {
      this.asking = undefined;
    });
    return this.asking.then(() => this.version);
  }

  /**
   * Makes every page read so far old: here at once, on the other replicas within a second, or, when
   * Redis is away, as soon as it is back. To be called after the change is committed.
   */
  async change(): Promise<void> {
    this.untold = true;
    this.version = randomUUID();
    await this.tell();
  }

  private async ask(): Promise<void> {
    this.askedAt = Date.now();
    if (this.untold) {
      // A new mark: the one that failed may have arrived, and pages may have been read under it since.
      this.version = randomUUID();
      await this.tell();
      return;
    }
    const before = this.version;
    const [, told] =
      (await this.redis.attempt((redis) =>
        Promise.all([redis.set(KEY, before, 'NX'), redis.get(KEY)]),
      )) ?? [];
    if (typeof told === 'string' && this.version === before) {
      this.version = told;
    }
  }

  private async tell(): Promise<void> {
    const version = this.version;
    const answer = await this.redis.attempt((redis) => redis.set(KEY, version));
    if (answer !== undefined && this.version === version) {
      this.untold = false;
    }
  }
}
