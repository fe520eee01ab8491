import { Injectable } from '@nestjs/common';
import pg from 'pg';
import { Gauge, Registry } from 'prom-client';

import { Database } from '../database/database.js';
import { isConflict } from '../database/sqlstate.js';
import { dependencyUnavailable } from '../problems/problem.js';
import { CatalogVersion } from '../response-cache/catalog-version.js';
import { EventLeases } from './event-leases.js';
import {
  eventsStatement,
  findStatement,
  type ReceivedEvent,
  type RecordedEvent,
  type TakenEvent,
} from './event-statements.js';

/** Events that are written together at most. */
const BATCH = 50;
/** Batches that are written at a time: most of the pool, unless it was made smaller, is for those who read. */
export const WRITERS = 4;
/** Events that may wait to be written: while PostgreSQL does not answer, their requests end before they do. */
const MAX_WAITING = 2000;

/** Milliseconds that another transaction may be in the way: of a batch, the others still have time after it. */
const LOCK_PATIENCE_MS = 1000;
/** The same for each event of a batch that has failed together: all of it has to end before the senders give up. */
const SHORT_PATIENCE_MS = 50;

/** An event that is to be written, and whoever waits for it. */
interface Entry {
  readonly event: ReceivedEvent;
  readonly written: (recorded: boolean) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * The events that were taken, and their effects, in PostgreSQL: the truth about both. An event is written at
 * once; those that come while too many others are being written wait, and are then written together, which
 * costs PostgreSQL and this process little more than one (group commit).
 */
@Injectable()
export class EventInbox {
  /** The longest waiting first. */
  private readonly waiting = new Set<Entry>();
  /** Batches that are being written. */
  private writing = 0;

  constructor(
    private readonly database: Database,
    private readonly claims: EventLeases,
    private readonly catalogue: CatalogVersion,
    registry: Registry,
  ) {
    const waiting = new Gauge({
      name: 'farmlokal_webhook_events_waiting',
      help: 'Events that wait to be written.',
      registers: [registry],
      collect: () => {
        waiting.set(this.waiting.size);
      },
    });
  }

  /**
   * Records an event and applies it, both or neither, and tells Redis. It goes on when nobody waits for it any
   * longer: what is committed then has to be listed all the same.
   *
   * @returns false when an event of this id was there before.
   * @throws Problem `dependency-unavailable` when PostgreSQL does not confirm it: too busy, away, or another
   * transaction is in the way. It may have happened all the same: sent again, the event is then a duplicate.
   */
  async take(event: ReceivedEvent): Promise<boolean> {
    if (this.waiting.size >= MAX_WAITING) {
      throw dependencyUnavailable('The catalogue does not answer.');
    }
    return await new Promise((written, failed) => {
      this.waiting.add({ event, written, failed });
      // Whatever comes in the same turn of the event loop goes with it.
      setImmediate(() => {
        this.write();
      });
    });
  }

  /** The event that was taken under an id; undefined when there is none. */
  async find(id: string): Promise<TakenEvent | undefined> {
    const [taken] = await this.database.query<TakenEvent>(findStatement(id));
    return taken;
  }

  private write(): void {
    while (this.waiting.size > 0 && this.writing < WRITERS) {
      this.writing += 1;
      void this.commit(this.next()).finally(() => {
        this.writing -= 1;
        this.write();
      });
    }
  }

  /** Each id once: whether an event is the same again, PostgreSQL tells when the first is committed. */
  private next(): Entry[] {
    const batch = new Map<string, Entry>();
    for (const entry of this.waiting) {
      if (batch.size === BATCH) break;
      if (!batch.has(entry.event.id)) {
        batch.set(entry.event.id, entry);
        this.waiting.delete(entry);
      }
    }
    return [...batch.values()];
  }

  private async commit(batch: readonly Entry[]): Promise<void> {
    try {
      await this.record(batch, LOCK_PATIENCE_MS);
    } catch (error) {
      if (error instanceof pg.DatabaseError && batch.length > 1) {
        await this.commitEach(batch);
      } else {
        fail(batch, error);
      }
    }
  }

  /** One of them is at fault, or locked, for which the others are not to suffer. */
  private async commitEach(batch: readonly Entry[]): Promise<void> {
    for (const [nth, entry] of batch.entries()) {
      try {
        await this.record([entry], SHORT_PATIENCE_MS);
      } catch (error) {
        if (!(error instanceof pg.DatabaseError)) {
          fail(batch.slice(nth), error);
          return;
        }
        fail([entry], error);
      }
    }
  }

  private async record(batch: readonly Entry[], patienceMs: number): Promise<void> {
    const events = batch.map(({ event }) => event);
    const rows = await this.database.query<RecordedEvent>(eventsStatement(events, patienceMs));
    const recorded = new Set(rows.map(({ id }) => id));
    if (recorded.size > 0) {
      await Promise.all([
        rows[0]?.changed === true ? this.catalogue.change() : undefined,
        this.claims.finish(events.filter(({ id }) => recorded.has(id))),
      ]);
    }
    for (const { event, written } of batch) {
      written(recorded.has(event.id));
    }
  }
}

function fail(entries: readonly Entry[], error: unknown): void {
  const reason = isConflict(error)
    ? dependencyUnavailable('Another transaction holds what the event changes.', { cause: error })
    : error;
  for (const { failed } of entries) {
    failed(reason);
  }
}
