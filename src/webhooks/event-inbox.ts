import { Injectable } from '@nestjs/common';
import pg from 'pg';
import { Gauge, Registry } from 'prom-client';

import { Database } from '../database/database.js';
import { isConflict } from '../database/sqlstate.js';
import { dependencyUnavailable } from '../problems/problem.js';
import { CatalogChanges } from '../products/catalog-changes.js';
import { EventLeases } from './event-leases.js';
import {
  findStatement,
  type ReceivedEvent,
  type RecordedEvent,
  recordStatement,
  type StoredEvent,
} from './event-statements.js';

/** Maximum number of events in a batch. */
const BATCH_SIZE = 50;
/** Batches written at a time. The other connections of a default pool remain for reads. */
export const CONCURRENT_BATCHES = 4;
/** Maximum number of waiting events. While PostgreSQL does not answer, the events of timed-out requests stay in the queue. */
const MAX_WAITING = 2000;

/** Lock timeout of a batch, milliseconds. It leaves time to write the events one by one afterwards. */
const BATCH_LOCK_TIMEOUT_MS = 1000;
/** Lock timeout of an event that is written alone, milliseconds: a whole batch of them still meets the deadline. */
const EVENT_LOCK_TIMEOUT_MS = 50;

/** An event in the queue. */
interface WaitingEvent {
  readonly event: ReceivedEvent;
  readonly resolve: (recorded: boolean) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Records events and their effects in PostgreSQL. While {@link CONCURRENT_BATCHES} are being written, further events
 * wait and then share a transaction (group commit), which costs little more than one event.
 */
@Injectable()
export class EventInbox {
  /** In order of arrival. */
  private readonly queue = new Set<WaitingEvent>();
  private batchesInProgress = 0;

  constructor(
    private readonly database: Database,
    private readonly leases: EventLeases,
    private readonly changes: CatalogChanges,
    registry: Registry,
  ) {
    const waiting = new Gauge({
      name: 'farmlokal_webhook_events_waiting',
      help: 'Webhook events that wait to be recorded.',
      registers: [registry],
      collect: () => {
        waiting.set(this.queue.size);
      },
    });
  }

  /**
   * Records an event and applies it in one transaction, then publishes the change and records the event in Redis. All
   * of it happens even when the caller has timed out.
   *
   * @returns false when the id was recorded before.
   * @throws Problem `dependency-unavailable` when PostgreSQL does not confirm the COMMIT. The event may be committed all
   * the same; a retry is then a duplicate.
   */
  async record(event: ReceivedEvent): Promise<boolean> {
    if (this.queue.size >= MAX_WAITING) {
      throw dependencyUnavailable('The catalog does not answer.');
    }
    return await new Promise((resolve, reject) => {
      this.queue.add({ event, resolve, reject });
      // Deferred, so that events of the same turn of the event loop share a batch.
      setImmediate(() => {
        this.startBatches();
      });
    });
  }

  /** Finds a recorded event by its id. */
  async find(id: string): Promise<StoredEvent | undefined> {
    const [stored] = await this.database.query<StoredEvent>(findStatement(id));
    return stored;
  }

  private startBatches(): void {
    while (this.queue.size > 0 && this.batchesInProgress < CONCURRENT_BATCHES) {
      this.batchesInProgress += 1;
      void this.writeBatch(this.takeBatch()).finally(() => {
        this.batchesInProgress -= 1;
        this.startBatches();
      });
    }
  }

  /** Takes the first events with distinct ids. A repeated id waits for the next batch. */
  private takeBatch(): WaitingEvent[] {
    const batch = new Map<string, WaitingEvent>();
    for (const waiting of this.queue) {
      if (batch.size === BATCH_SIZE) break;
      if (!batch.has(waiting.event.id)) {
        batch.set(waiting.event.id, waiting);
        this.queue.delete(waiting);
      }
    }
    return [...batch.values()];
  }

  private async writeBatch(batch: readonly WaitingEvent[]): Promise<void> {
    try {
      await this.write(batch, BATCH_LOCK_TIMEOUT_MS);
    } catch (error) {
      if (error instanceof pg.DatabaseError && batch.length > 1) {
        await this.writeOneByOne(batch);
      } else {
        rejectAll(batch, error);
      }
    }
  }

  /** Writes the events of a failed batch, because one invalid or locked event must not fail the others. */
  private async writeOneByOne(batch: readonly WaitingEvent[]): Promise<void> {
    for (const [index, waiting] of batch.entries()) {
      try {
        await this.write([waiting], EVENT_LOCK_TIMEOUT_MS);
      } catch (error) {
        if (!(error instanceof pg.DatabaseError)) {
          rejectAll(batch.slice(index), error);
          return;
        }
        rejectAll([waiting], error);
      }
    }
  }

  private async write(batch: readonly WaitingEvent[], lockTimeoutMs: number): Promise<void> {
    const events = batch.map(({ event }) => event);
    const rows = await this.database.query<RecordedEvent>(recordStatement(events, lockTimeoutMs));
    const recorded = new Set(rows.map(({ id }) => id));
    if (recorded.size > 0) {
      await Promise.all([
        rows[0]?.changed === true ? this.changes.publish() : undefined,
        this.leases.markProcessed(events.filter(({ id }) => recorded.has(id))),
      ]);
    }
    for (const { event, resolve } of batch) {
      resolve(recorded.has(event.id));
    }
  }
}

function rejectAll(batch: readonly WaitingEvent[], error: unknown): void {
  const reason = isConflict(error)
    ? dependencyUnavailable('Another transaction has locked the product or the event.', {
        cause: error,
      })
    : error;
  for (const { reject } of batch) {
    reject(reason);
  }
}
