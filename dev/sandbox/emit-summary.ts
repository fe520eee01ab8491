import type { ProductFields } from './catalog-event.js';

/** The values of `status` in a receiver's response. */
export const OUTCOMES = ['processed', 'duplicate', 'ignored'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** The progress of an emit run. */
export interface EmitProgress {
  /** Deliveries of the run: events, duplicates and badly signed messages. */
  readonly deliveries: number;
  /** Deliveries that are accepted, rejected or given up. */
  readonly done: number;
  readonly requests: number;
  readonly seconds: number;
}

/** The result of an emit run. Badly signed messages count in `badSignatures` only. */
export interface EmitSummary {
  readonly events: number;
  readonly requests: number;
  /** Requests that got a 2xx, by the receiver's `status`. */
  readonly answered: Readonly<Record<Outcome, number>>;
  /** Requests by HTTP status; `failed` counts those without a response. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Deliveries that got a final error (400, 413, 415 or 422). */
  readonly refused: number;
  readonly badSignatures: { readonly sent: number; readonly refused: number };
  /** Deliveries that were neither accepted nor rejected before the run ended. */
  readonly gaveUp: number;
  readonly seconds: number;
  /** Requests a second. */
  readonly perSecond: number;
  readonly oracle?: Oracle;
}

/** The state that the receiver has to be in after a run whose deliveries were all accepted. */
export interface Oracle {
  /** Each sku at its highest revision; `product` is null when that revision deletes it. */
  readonly products: readonly {
    readonly sku: string;
    readonly revision: number;
    readonly eventId: string;
    readonly product: ProductFields | null;
  }[];
  /** Each event, and how many of its requests got a 2xx. */
  readonly events: readonly {
    readonly id: string;
    readonly sku: string;
    readonly revision: number;
    readonly accepted: number;
  }[];
}
