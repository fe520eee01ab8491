import { setTimeout as sleep } from 'node:timers/promises';

import { exponentialBackoff } from '../../src/resilience/exponential-backoff.js';
import { type CatalogEvent, makeEvents } from './catalog-event.js';
import { type Delivery, makeDeliveries } from './delivery.js';
import type { EmitRunOptions } from './emit-options.js';
import {
  type EmitProgress,
  type EmitSummary,
  type Oracle,
  type Outcome,
  OUTCOMES,
} from './emit-summary.js';
import { type Reply, WebhookSender } from './webhook-sender.js';

const DEADLINE_MS = 600_000;
const BURST_PAUSE_MS = 250;
const BACKOFF = { minMs: 50, maxMs: 2_000, jitter: 0.5 };
/** Final errors. A 401 is retried, because the receiver may still get the right secret. */
const FINAL_ERRORS: ReadonlySet<number | null> = new Set([400, 413, 415, 422]);

/** Sends catalog events to the receivers. Retries each until it is accepted or rejected, for ten minutes at most. */
export class EmitRun {
  private readonly events: readonly CatalogEvent[];
  private readonly deliveries: readonly Delivery[];
  private readonly urls: readonly URL[];
  private readonly sender: WebhookSender;
  private readonly startedAt = performance.now();

  private started = 0;
  private burstStartsAt = 0;
  private done = 0;
  private requests = 0;
  private refused = 0;
  private readonly answered = new Map<string, number>();
  private readonly statuses = new Map<string, number>();
  private readonly acceptedById = new Map<string, number>();
  private readonly badSignatures = { sent: 0, refused: 0 };

  constructor(
    private readonly options: EmitRunOptions,
    secret: string,
  ) {
    this.events = makeEvents(options);
    this.deliveries = makeDeliveries(this.events, options);
    this.urls = options.urls.map((url) => new URL(url));
    this.sender = new WebhookSender(secret);
  }

  get progress(): EmitProgress {
    const { deliveries, done, requests, seconds } = this;
    return { deliveries: deliveries.length, done, requests, seconds };
  }

  /** Sends every delivery. The signal ends the run early. */
  async run(stopped: AbortSignal): Promise<EmitSummary> {
    const signal = AbortSignal.any([stopped, AbortSignal.timeout(DEADLINE_MS)]);
    signal.addEventListener('abort', () => {
      this.sender.stop();
    });
    const { concurrency } = this.options;
    await Promise.all(Array.from({ length: concurrency }, () => this.sendNext(signal)));
    const summary = this.summary();
    this.sender.stop();
    return summary;
  }

  /** One of the concurrent senders: takes the next delivery until none is left. */
  private async sendNext(signal: AbortSignal): Promise<void> {
    for (;;) {
      const index = this.started;
      const delivery = this.deliveries[index];
      if (delivery === undefined || signal.aborted) return;
      this.started += 1;
      await this.awaitBurst(index, signal);
      await this.deliver(delivery, index, signal);
      this.done += 1;
    }
  }

  private async awaitBurst(index: number, signal: AbortSignal): Promise<void> {
    const { bursts } = this.options;
    if (bursts === null) return;
    const now = performance.now();
    if (index > 0 && index % bursts === 0) this.burstStartsAt = now + BURST_PAUSE_MS;
    await pause(this.burstStartsAt - now, signal);
  }

  /** Retries until the receiver accepts or rejects the delivery. Each attempt uses the next receiver. */
  private async deliver(delivery: Delivery, index: number, signal: AbortSignal): Promise<void> {
    if (delivery.signature !== 'valid' && !signal.aborted) this.badSignatures.sent += 1;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      const url = this.urls[(index + attempt - 1) % this.urls.length];
      if (url === undefined) return;
      const reply = await this.sender.send(delivery, url);
      if (this.isFinal(reply, delivery)) return;
      await pause(retryDelay(attempt, reply), signal);
    }
  }

  /** Counts a reply. Returns whether it ends the delivery. */
  private isFinal({ status, outcome }: Reply, { event, signature }: Delivery): boolean {
    const isAccepted = status !== null && status >= 200 && status < 300;
    const isRejected = FINAL_ERRORS.has(status);
    if (signature !== 'valid') {
      if (status === 401) this.badSignatures.refused += 1;
      return isAccepted || isRejected || status === 401;
    }
    this.requests += 1;
    increment(this.statuses, String(status ?? 'failed'));
    if (isRejected) this.refused += 1;
    if (isAccepted) {
      increment(this.acceptedById, event.id);
      increment(this.answered, outcome ?? '');
    }
    return isAccepted || isRejected;
  }

  private summary(): EmitSummary {
    const { options, events, deliveries, requests, refused, badSignatures, seconds } = this;
    const sent = deliveries.filter(({ signature }) => signature === 'valid').length;
    const accepted = [...this.acceptedById.values()].reduce((total, count) => total + count, 0);
    return {
      events: events.length,
      requests,
      answered: Object.fromEntries(
        OUTCOMES.map((outcome) => [outcome, this.answered.get(outcome) ?? 0]),
      ) as Record<Outcome, number>,
      statuses: { ...Object.fromEntries(this.statuses), failed: this.statuses.get('failed') ?? 0 },
      refused,
      badSignatures,
      gaveUp: sent - accepted - refused,
      seconds,
      perSecond: Math.round(requests / seconds),
      ...(options.oracle ? { oracle: this.oracle() } : {}),
    };
  }

  private oracle(): Oracle {
    // The events are in the order of their revisions, so the last event of a sku wins.
    const winners = new Map(this.events.map((event) => [event.sku, event]));
    return {
      products: [...winners.values()].map(({ sku, revision, id, product }) => ({
        sku,
        revision,
        eventId: id,
        product,
      })),
      events: this.events.map(({ id, sku, revision }) => ({
        id,
        sku,
        revision,
        accepted: this.acceptedById.get(id) ?? 0,
      })),
    };
  }

  private get seconds(): number {
    return Math.round(performance.now() - this.startedAt) / 1_000;
  }
}

/** Honours Retry-After up to the longest backoff. */
function retryDelay(attempt: number, { retryAfterMs = 0 }: Reply): number {
  return Math.max(exponentialBackoff(attempt, BACKOFF), Math.min(retryAfterMs, BACKOFF.maxMs));
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0) await sleep(ms, undefined, { signal }).catch(() => undefined);
}

function increment(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
