import { Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { Counter, Registry } from 'prom-client';

import { Environment } from '../config/environment.js';
import { Database } from '../database/database.js';
import { dependencyUnavailable, overloaded, Problem, unprocessable } from '../problems/problem.js';
import { CatalogChanges } from '../products/catalog-changes.js';
import { AdmissionControl } from '../resilience/admission-control.js';
import { Deadline } from '../resilience/deadline.js';
import { EVENT_TYPES, readEvent } from './catalog-event.js';
import { CONCURRENT_BATCHES, EventInbox } from './event-inbox.js';
import { EventLeases } from './event-leases.js';
import { EventRetention } from './event-retention.js';
import type { ReceivedEvent } from './event-statements.js';
import { type SignedMessage, WEBHOOK_ID } from './signed-message.js';

export type EventStatus = 'processed' | 'ignored' | 'duplicate';

/** Milliseconds from a request's arrival to its response: less than senders wait. */
export const WEBHOOK_DEADLINE_MS = 4000;
/** An event with a longer estimated wait is refused. Half of the deadline, because the estimate may be off by a factor of two. */
const MAX_EXPECTED_WAIT_MS = WEBHOOK_DEADLINE_MS / 2;

/** Applies each event exactly once. PostgreSQL decides what is a duplicate; Redis only saves work. */
@Injectable()
export class WebhooksService {
  private readonly events: Counter<'type' | 'result'>;
  private readonly admission = new AdmissionControl(CONCURRENT_BATCHES);

  constructor(
    private readonly environment: Environment,
    private readonly leases: EventLeases,
    private readonly database: Database,
    private readonly inbox: EventInbox,
    private readonly retention: EventRetention,
    private readonly changes: CatalogChanges,
    registry: Registry,
  ) {
    this.events = new Counter({
      name: 'farmlokal_webhook_events_total',
      help: 'Valid webhook events, by type and result.',
      labelNames: ['type', 'result'],
      registers: [registry],
    });
  }

  /**
   * Processes an event whose signature is verified. When the promise resolves, the event's effect is committed.
   *
   * @param arrivedAt when the request arrived, in the time of `performance.now()`.
   * @throws Problem `malformed-request`, `validation-failed` (422), `event-id-reused`, `event-in-progress`,
   * `overloaded` when too many events wait, or `dependency-unavailable` when PostgreSQL does not confirm the COMMIT.
   */
  async receive(message: SignedMessage, arrivedAt: number): Promise<EventStatus> {
    // While PostgreSQL does not answer, Redis can still answer duplicates.
    if (this.admission.shouldReject(this.database.isAnswering ? MAX_EXPECTED_WAIT_MS : Infinity)) {
      throw overloaded('Too many events are waiting to be recorded.');
    }
    return this.admission.track(() => this.process(message, arrivedAt));
  }

  private async process({ id, body }: SignedMessage, arrivedAt: number): Promise<EventStatus> {
    if (!WEBHOOK_ID.test(id)) {
      throw unprocessable({
        parameter: 'webhook-id',
        message: 'must have 1 to 255 visible ASCII characters',
      });
    }
    const digest = createHash('sha256').update(body).digest();
    const lease = await this.leases.acquire(id);
    if (lease.state === 'processed') {
      assertSameBody(digest, lease.digest);
      return this.count(lease.type, 'duplicate');
    }
    try {
      const event = readEvent(body, this.environment.CURRENCY);
      const received = { id, digest, receivedAt: new Date(), event };
      const status = await Deadline.after(arrivedAt, WEBHOOK_DEADLINE_MS).limit(
        lease.state === 'in-progress' ? this.handleInProgress(received) : this.record(received),
        () => dependencyUnavailable('The catalog does not answer in time.'),
      );
      return this.count(event.type, status);
    } catch (error) {
      if (lease.state === 'acquired') {
        await lease.release();
      }
      throw error;
    }
  }

  private count(type: string, result: EventStatus): EventStatus {
    const knownType = EVENT_TYPES.find((name) => name === type) ?? 'unknown';
    this.events.inc({ type: knownType, result });
    return result;
  }

  private async record(received: ReceivedEvent): Promise<EventStatus> {
    if (!(await this.inbox.record(received))) {
      // A clean-up can delete the recorded event before it is found. Then this event is new.
      return (await this.findProcessed(received)) ? 'duplicate' : this.record(received);
    }
    this.retention.maybePrune();
    return received.event.product === undefined ? 'ignored' : 'processed';
  }

  /** The request that holds the lease may have committed the event since, or its replica may have died. */
  private async handleInProgress(received: ReceivedEvent): Promise<EventStatus> {
    if (await this.findProcessed(received)) {
      return 'duplicate';
    }
    throw new Problem(
      'event-in-progress',
      'Another request is processing this event. Retry later.',
      { headers: { 'Retry-After': '1' } },
    );
  }

  /**
   * Whether the event is committed. If so, publishes and records it again, because the replica that committed it may
   * have died before it did.
   */
  private async findProcessed(received: ReceivedEvent): Promise<boolean> {
    const { id, digest, event } = received;
    const stored = await this.inbox.find(id);
    if (stored === undefined) {
      return false;
    }
    assertSameBody(digest, stored.digest);
    // A cached response is served for at most twice the TTL, so every one contains a change that is older than that.
    if (event.product !== undefined && stored.ageMs < 2 * this.environment.CACHE_TTL_MS) {
      await this.changes.publish();
    }
    await this.leases.markProcessed([received]);
    return true;
  }
}

/** @throws Problem `event-id-reused` when the digests differ. */
function assertSameBody(digest: Buffer, recorded: Buffer): void {
  if (!recorded.equals(digest)) {
    throw new Problem(
      'event-id-reused',
      'An event with this webhook-id and another body was received before.',
    );
  }
}
