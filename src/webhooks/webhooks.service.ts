import { Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { Counter, Registry } from 'prom-client';

import { Environment } from '../config/environment.js';
import { Database } from '../database/database.js';
import { Deadline } from '../resilience/deadline.js';
import { AdmissionControl } from '../resilience/admission-control.js';
import { dependencyUnavailable, overloaded, Problem, unprocessable } from '../problems/problem.js';
import { CatalogVersion } from '../response-cache/catalog-version.js';
import { EVENT_TYPES, readEvent } from './catalog-event.js';
import { EventLeases } from './event-leases.js';
import { EventInbox, WRITERS } from './event-inbox.js';
import { EventRetention } from './event-retention.js';
import type { ReceivedEvent } from './event-statements.js';
import type { SignedMessage } from './signature.js';

/** What became of an event. */
export type EventStatus = 'processed' | 'ignored' | 'duplicate';

/** How long it may take until an event is written: less than senders wait. One that is written later is a duplicate when it comes again. */
export const WEBHOOK_DEADLINE_MS = 4000;
/** An event that is expected to take longer is refused at once: the estimate may be wrong by a factor of two. */
const MAX_WAIT_MS = WEBHOOK_DEADLINE_MS / 2;
const ID = /^[\x21-\x7e]{1,255}$/;

/**
 * Takes the events of API B, each exactly once. PostgreSQL decides; Redis in front of it answers
 * duplicates and keeps two replicas from doing the same work.
 */
@Injectable()
export class WebhooksService {
  private readonly events: Counter<'type' | 'result'>;
  private readonly admission = new AdmissionControl(WRITERS);

  constructor(
    private readonly environment: Environment,
    private readonly claims: EventLeases,
    private readonly database: Database,
    private readonly inbox: EventInbox,
    private readonly retention: EventRetention,
    private readonly catalogue: CatalogVersion,
    registry: Registry,
  ) {
    this.events = new Counter({
      name: 'farmlokal_webhook_events_total',
      help: 'Events that were signed and valid, by type and by what became of them.',
      labelNames: ['type', 'result'],
      registers: [registry],
    });
  }

  /**
   * Takes an event whose signature is good. Answered without an error, its effect is committed.
   *
   * @param arrivedAt when the request arrived, in the time of `performance.now()`.
   * @throws Problem `malformed-request`, `validation-failed` (422), `event-id-reused`, `event-in-progress`,
   * `overloaded` when too many events wait, or `dependency-unavailable` when PostgreSQL does not confirm it.
   */
  async receive(message: SignedMessage, arrivedAt: number): Promise<EventStatus> {
    // A PostgreSQL that does not answer is an outage, and Redis still answers duplicates.
    if (this.admission.shouldReject(this.database.isAnswering ? MAX_WAIT_MS : Infinity)) {
      throw overloaded('Too many events wait to be written right now.');
    }
    return this.admission.track(() => this.accept(message, arrivedAt));
  }

  private async accept({ id, body }: SignedMessage, arrivedAt: number): Promise<EventStatus> {
    if (!ID.test(id)) {
      throw unprocessable({
        parameter: 'webhook-id',
        message: 'has to be 1 to 255 visible ASCII characters',
      });
    }
    const digest = createHash('sha256').update(body).digest();
    const claim = await this.claims.claim(id);
    if (claim.state === 'finished') {
      // Before its body is read: it was, when it was taken.
      refuseAnother(digest, Buffer.from(claim.digest, 'hex'));
      return this.count(claim.type, 'duplicate');
    }
    try {
      const event = readEvent(body, this.environment.CURRENCY);
      const received = { id, digest, receivedAt: new Date(), event };
      const status = await Deadline.after(arrivedAt, WEBHOOK_DEADLINE_MS).limit(
        claim.state === 'in-progress' ? this.awaitAnother(received) : this.take(received),
        () => dependencyUnavailable('The catalogue does not answer in time.'),
      );
      return this.count(event.type, status);
    } catch (error) {
      if (claim.state === 'claimed') {
        await claim.release();
      }
      throw error;
    }
  }

  private count(type: string, result: EventStatus): EventStatus {
    const known = EVENT_TYPES.find((name) => name === type) ?? 'unknown';
    this.events.inc({ type: known, result });
    return result;
  }

  private async take(received: ReceivedEvent): Promise<EventStatus> {
    if (!(await this.inbox.take(received))) {
      // Removed, as too old, between two looks at it: the next try takes it.
      return (await this.recall(received)) ? 'duplicate' : this.take(received);
    }
    this.retention.consider();
    return received.event.product === undefined ? 'ignored' : 'processed';
  }

  /** Whoever has claimed the event may be done with it by now, or dead. */
  private async awaitAnother(received: ReceivedEvent): Promise<EventStatus> {
    if (await this.recall(received)) {
      return 'duplicate';
    }
    throw new Problem('event-in-progress', 'The event is being processed; send it again later.', {
      headers: { 'Retry-After': '1' },
    });
  }

  /**
   * Whether the event is committed already. Whoever has committed it may not have lived to say so: while
   * pages can be older than it, they are taken for old.
   */
  private async recall(received: ReceivedEvent): Promise<boolean> {
    const { id, digest, event } = received;
    const known = await this.inbox.find(id);
    if (known === undefined) {
      return false;
    }
    refuseAnother(digest, known.digest);
    if (event.product !== undefined && known.ageMs < 2 * this.environment.CACHE_TTL_MS) {
      await this.catalogue.change();
    }
    await this.claims.finish([received]);
    return true;
  }
}

/** @throws Problem `event-id-reused` when the event that was taken under this id is another one. */
function refuseAnother(digest: Buffer, known: Buffer): void {
  if (!known.equals(digest)) {
    throw new Problem(
      'event-id-reused',
      'An event with this webhook-id and another body was taken before.',
    );
  }
}
