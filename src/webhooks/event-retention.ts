import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';

import { Database } from '../database/database.js';
import type { Statement } from '../database/statement.js';

/** Events deleted in one transaction, which takes milliseconds. */
const BATCH_SIZE = 500;
/** Pause between two batches, milliseconds. */
const BATCH_PAUSE_MS = 100;
/** Minimum interval between clean-up runs, milliseconds. */
const INTERVAL_MS = 10_000;

/** The advisory lock keeps two replicas from deleting the same rows: the second one deletes none. */
const DELETE_OLD_EVENTS: Statement = {
  text: `
    WITH lock AS MATERIALIZED (
      SELECT pg_try_advisory_xact_lock(hashtext('farmlokal webhook_events')) AS acquired
    ), old AS (
      SELECT id FROM webhook_events
      WHERE (SELECT acquired FROM lock) AND received_at < now() - interval '7 days'
      ORDER BY received_at
      LIMIT $1
    )
    DELETE FROM webhook_events USING old WHERE webhook_events.id = old.id
    RETURNING webhook_events.id`,
  values: [BATCH_SIZE],
  prepared: true,
};

/**
 * Deletes events older than seven days, because senders stop retrying long before. It runs only when events arrive, so
 * that an idle database can suspend.
 */
@Injectable()
export class EventRetention implements OnApplicationShutdown {
  private readonly logger = new Logger(EventRetention.name);
  private readonly stopped = new AbortController();
  private lastRunAt = -Infinity;
  private running = false;

  constructor(private readonly database: Database) {}

  /** Starts a clean-up in the background, unless one runs or started less than {@link INTERVAL_MS} ago. */
  maybePrune(): void {
    const now = performance.now();
    if (!this.running && now - this.lastRunAt >= INTERVAL_MS) {
      this.lastRunAt = now;
      this.running = true;
      void this.prune().finally(() => {
        this.running = false;
      });
    }
  }

  onApplicationShutdown(): void {
    this.stopped.abort();
  }

  private async prune(): Promise<void> {
    const { signal } = this.stopped;
    let deleted = 0;
    try {
      for (let batch = BATCH_SIZE; batch === BATCH_SIZE && !signal.aborted; deleted += batch) {
        batch = (await this.database.query(DELETE_OLD_EVENTS)).length;
        if (batch === BATCH_SIZE) {
          await sleep(BATCH_PAUSE_MS, undefined, { signal });
        }
      }
    } catch (error) {
      // The next run deletes the rest.
      const reason = error instanceof Error ? error.message : 'unknown error';
      this.logger.debug(`Old webhook events were not deleted: ${reason}`);
    }
    if (deleted > 0) {
      this.logger.log(`Deleted ${deleted} webhook events older than seven days.`);
    }
  }
}
