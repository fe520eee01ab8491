import { setTimeout as sleep } from 'node:timers/promises';

import {
  type CampaignProgress,
  type CampaignSummary,
  type Oracle,
  type Outcome,
  OUTCOMES,
} from './campaign-summary.js';
import { type CatalogueChange, makeChanges } from './catalogue-change.js';
import { Chance } from './chance.js';
import { type Delivery, makeDeliveries } from './delivery.js';
import type { CampaignOptions } from './emit-options.js';
import { Pace } from './pace.js';
import { type Reply, WebhookSender } from './webhook-sender.js';

const BACKOFF_MS = 50;
const BACKOFF_MAX_MS = 2_000;
/** Answers to what will not be any better the next time. A 401 may: whoever has the wrong secret is told, and mends it. */
const REFUSALS: ReadonlySet<number | null> = new Set([400, 413, 415, 422]);

/** Sends many changes of the catalogue, each until it is taken, refused, or the time is over. */
export class Campaign {
  private readonly changes: readonly CatalogueChange[];
  private readonly deliveries: readonly Delivery[];
  private readonly urls: readonly URL[];
  private readonly sender: WebhookSender;
  private readonly pace: Pace;
  private readonly startedAt: number;

  private begun = 0;
  private done = 0;
  private requests = 0;
  private refused = 0;
  private readonly answered = new Map<string, number>();
  private readonly statuses = new Map<string, number>();
  private readonly takenById = new Map<string, number>();
  private readonly badSignatures = { sent: 0, refused: 0 };

  constructor(
    private readonly options: CampaignOptions,
    secret: string,
  ) {
    const chance = new Chance(options.seed);
    this.changes = makeChanges(options, chance);
    this.deliveries = makeDeliveries(this.changes, options, chance);
    this.urls = options.urls.map((url) => new URL(url));
    this.sender = new WebhookSender(secret);
    this.pace = new Pace(options.rate, options.bursts);
    this.startedAt = performance.now();
  }

  get progress(): CampaignProgress {
    const { deliveries, done, requests, seconds } = this;
    return { deliveries: deliveries.length, done, requests, seconds };
  }

  /** Runs it to its end; the signal ends it early. */
  async run(stopped: AbortSignal): Promise<CampaignSummary> {
    const signal = AbortSignal.any([stopped, AbortSignal.timeout(this.options.timeoutMs)]);
    signal.addEventListener('abort', () => {
      this.sender.stop();
    });
    const { concurrency } = this.options;
    await Promise.all(Array.from({ length: concurrency }, () => this.deliverInTurn(signal)));
    const summary = this.summary();
    this.sender.stop();
    return summary;
  }

  private async deliverInTurn(signal: AbortSignal): Promise<void> {
    for (;;) {
      const nth = this.begun;
      const delivery = this.deliveries[nth];
      if (delivery === undefined || signal.aborted) return;
      this.begun += 1;
      await pause(this.pace.dueIn(nth), signal);
      await this.deliver(delivery, nth, signal);
      this.done += 1;
    }
  }

  /** Tries until it is settled, every time at the next address. */
  private async deliver(delivery: Delivery, nth: number, signal: AbortSignal): Promise<void> {
    if (delivery.signing !== 'good' && !signal.aborted) this.badSignatures.sent += 1;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      const url = this.urls[(nth + attempt) % this.urls.length];
      if (url === undefined) return;
      const reply = await this.sender.send(delivery, url);
      if (this.settles(reply, delivery)) return;
      await pause(waitAfter(attempt, reply), signal);
    }
  }

  /** Counts a reply; tells whether it is the last word. */
  private settles({ status, outcome }: Reply, { change, signing }: Delivery): boolean {
    const isTaken = status !== null && status >= 200 && status < 300;
    const isRefused = REFUSALS.has(status);
    if (signing !== 'good') {
      if (status === 401) this.badSignatures.refused += 1;
      return isTaken || isRefused || status === 401;
    }
    this.requests += 1;
    increase(this.statuses, String(status ?? 'failed'));
    if (isRefused) this.refused += 1;
    if (isTaken) {
      increase(this.takenById, change.id);
      increase(this.answered, outcome ?? '');
    }
    return isTaken || isRefused;
  }

  private summary(): CampaignSummary {
    const { options, changes, deliveries, requests, refused, badSignatures, seconds } = this;
    const sent = deliveries.filter(({ signing }) => signing === 'good').length;
    const taken = sum(this.takenById.values());
    return {
      seed: options.seed,
      events: changes.length,
      requests,
      answered: Object.fromEntries(
        OUTCOMES.map((outcome) => [outcome, this.answered.get(outcome) ?? 0]),
      ) as Record<Outcome, number>,
      statuses: { ...Object.fromEntries(this.statuses), failed: this.statuses.get('failed') ?? 0 },
      refused,
      badSignatures,
      gaveUp: sent - taken - refused,
      seconds,
      perSecond: Math.round(requests / seconds),
      ...(options.oracle ? { oracle: this.oracle() } : {}),
    };
  }

  private oracle(): Oracle {
    // Later revisions take the place of earlier ones.
    const winners = new Map(this.changes.map((change) => [change.sku, change]));
    return {
      products: [...winners.values()].map(({ sku, revision, id, product }) => ({
        sku,
        revision,
        eventId: id,
        product,
      })),
      events: this.changes.map(({ id, sku, revision }) => ({
        id,
        sku,
        revision,
        taken: this.takenById.get(id) ?? 0,
      })),
    };
  }

  private get seconds(): number {
    return Math.round(performance.now() - this.startedAt) / 1_000;
  }
}

/** Exponential, half of it at random; as long as the receiver asks for, within reason. */
function waitAfter(attempt: number, { retryAfterMs = 0 }: Reply): number {
  const backoff = Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** attempt) * (0.5 + Math.random() / 2);
  return Math.max(backoff, Math.min(retryAfterMs, BACKOFF_MAX_MS));
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0) await sleep(ms, undefined, { signal }).catch(() => undefined);
}

function increase(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function sum(numbers: Iterable<number>): number {
  return [...numbers].reduce((total, number) => total + number, 0);
}
