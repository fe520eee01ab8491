import { Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { Counter, Registry } from 'prom-client';

import { Environment } from '../config/environment.js';
import { Deadline } from '../http/deadline.js';
import { dependencyUnavailable, Problem, unprocessable } from '../problems/problem.js';
import { CatalogueVersion } from '../products/catalogue-version.js';
import { EVENT_TYPES, readEvent } from './catalogue-event.js';
import { EventClaims } from './event-claims.js';
import { EventInbox } from './event-inbox.js';
import { EventRetention } from './event-retention.js';
import type { ReceivedEvent } from './event-statements.js';
import { type SignedMessage, SignatureVerifier } from './signature.js';

/** What became of an event. */
export type EventStatus = 'processed' | 'ignored' | 'duplicate';

/** How long PostgreSQL may take: less than senders wait. An event that it takes later is a duplicate when it comes again. */
const DEADLINE_MS = 4000;
const ID = /^[\x21-\x7e]{1,255}$/;

/**
 * Takes the events of API B, each exactly once. PostgreSQL decides; Redis in front of it answers
 * duplicates and keeps two replicas from doing the same work.
 */
@Injectable()
export class WebhooksService {
  private readonly verifier: SignatureVerifier | undefined;
  private readonly events: Counter<'type' | 'result'>;

  constructor(
    { WEBHOOK_SECRETS }: Environment,
    private readonly claims: EventClaims,
    private readonly inbox: EventInbox,
    private readonly retention: EventRetention,
    private readonly catalogue: CatalogueVersion,
    registry: Registry,
  ) {
    this.verifier = WEBHOOK_SECRETS && new SignatureVerifier(WEBHOOK_SECRETS);
    this.events = new Counter({
      name: 'farmlokal_webhook_events_total',
      help: 'Events that were signed and valid, by type and by what became of them.',
      labelNames: ['type', 'result'],
      registers: [registry],
    });
  }

  /**
   * Takes an event. Answered without an error, its effect is committed.
   *
   * @throws Problem `invalid-signature`, `malformed-request`, `validation-failed` (422), `event-id-reused`,
   * `event-in-progress`, or `dependency-unavailable` when PostgreSQL does not confirm it or no secret is
   * configured.
   */
  async receive(message: SignedMessage): Promise<EventStatus> {
    this.verify(message);
    const { id, body } = message;
    if (!ID.test(id)) {
      throw unprocessable({
        parameter: 'webhook-id',
        message: 'has to be 1 to 255 visible ASCII characters',
      });
    }
    const event = readEvent(body);
    const digest = createHash('sha256').update(body).digest();
    const status = await this.takeOnce({ id, digest, receivedAt: new Date(), event });
    const type = EVENT_TYPES.find((known) => known === event.type) ?? 'unknown';
    this.events.inc({ type, result: status });
    return status;
  }

  private verify(message: SignedMessage): void {
    if (this.verifier === undefined) {
      throw dependencyUnavailable('No secret for webhooks is configured.');
    }
    const fault = this.verifier.fault(message);
    if (fault !== undefined) {
      throw new Problem('invalid-signature', fault, {
        headers: { 'WWW-Authenticate': 'StandardWebhooks' },
      });
    }
  }

  private async takeOnce(received: ReceivedEvent): Promise<EventStatus> {
    const claim = await this.claims.claim(received.id);
    switch (claim.state) {
      case 'finished':
        return duplicateOf(received, Buffer.from(claim.digest, 'hex'));
      case 'in-progress':
        throw new Problem(
          'event-in-progress',
          'The event is being processed; send it again later.',
          {
            headers: { 'Retry-After': '1' },
          },
        );
      case 'unknown':
        return this.take(received);
      case 'claimed':
        try {
          return await this.take(received);
        } catch (error) {
          await claim.release();
          throw error;
        }
    }
  }

  private async take(received: ReceivedEvent): Promise<EventStatus> {
    const { id, digest, event } = received;
    const { recorded, changed } = await Deadline.in(DEADLINE_MS).limit(
      this.inbox.take(received),
      () => dependencyUnavailable('The catalogue does not answer in time.'),
    );
    if (!recorded) {
      const status = duplicateOf(received, await this.inbox.digestOf(id));
      await this.claims.finish(id, digest.toString('hex'));
      return status;
    }
    await Promise.all([
      changed ? this.catalogue.change() : undefined,
      this.claims.finish(id, digest.toString('hex')),
    ]);
    this.retention.consider();
    return event.product === undefined ? 'ignored' : 'processed';
  }
}

/** The same event again, or another one under its id. */
function duplicateOf({ digest }: ReceivedEvent, known: Buffer | undefined): 'duplicate' {
  if (known === undefined) {
    // Removed, as too old, between two looks at it.
    throw dependencyUnavailable('The event cannot be told from an older one; send it again.');
  }
  if (!known.equals(digest)) {
    throw new Problem(
      'event-id-reused',
      'An event with this webhook-id and another body was taken before.',
    );
  }
  return 'duplicate';
}
