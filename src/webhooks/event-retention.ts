import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';

import { Database } from '../database/database.js';
import type { Statement } from '../database/statement.js';

/** Events that are removed at a time, in a transaction of milliseconds. */
const BATCH = 500;
/** Pause between two batches, in which others have the database. */
const PAUSE_MS = 100;
/** How often events that come have it looked for old ones. */
const INTERVAL_MS = 10_000;

/** The lock is held as long as the statement's transaction: of two replicas, one finds nothing to do. */
const REMOVE: Statement = {
  text: `
    WITH turn AS MATERIALIZED (
      SELECT pg_try_advisory_xact_lock(hashtext('farmlokal webhook_events')) AS ours
    ), old AS (
      SELECT id FROM webhook_events
      WHERE (SELECT ours FROM turn) AND received_at < now() - interval '7 days'
      ORDER BY received_at
      LIMIT $1
    )
    DELETE FROM webhook_events USING old WHERE webhook_events.id = old.id
    RETURNING webhook_events.id`,
  values: [BATCH],
  prepared: true,
};

/**
 * Removes events that are older than seven days: senders have long stopped to repeat them. Nothing runs
 * while no events come, so that an idle database may sleep.
 */
@Injectable()
export class EventRetention implements OnApplicationShutdown {
  private readonly logger = new Logger(EventRetention.name);
  private readonly stopped = new AbortController();
  private consideredAt = -Infinity;
  private removing = false;

  constructor(private readonly database: Database) {}

  /** To be called when an event was taken; looks for old ones in the background, once in a while. */
  consider(): void {
    const now = performance.now();
    if (!this.removing && now - this.consideredAt >= INTERVAL_MS) {
      this.consideredAt = now;
      this.removing = true;
      void this.remove().finally(() => {
        this.removing = false;
      });
    }
  }

  onApplicationShutdown(): void {
    this.stopped.abort();
  }

  private async remove(): Promise<void> {
    const { signal } = this.stopped;
    let removed = 0;
    try {
      for (let batch = BATCH; batch === BATCH && !signal.aborted; removed += batch) {
        batch = (await this.database.query(REMOVE)).length;
        if (batch === BATCH) {
          await sleep(PAUSE_MS, undefined, { signal });
        }
      }
    } catch (error) {
      // There is another time.
      this.logger.debug(
        `Old events stay for now: ${error instanceof Error ? error.message : 'unknown'}`,
      );
    }
    if (removed > 0) {
      this.logger.log(`${removed} events older than seven days are removed.`);
    }
  }
}
