import type { ProductFields } from './catalogue-change.js';

/** What a receiver may say it has done with an event. */
export const OUTCOMES = ['processed', 'duplicate', 'ignored'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** How far a campaign is. */
export interface CampaignProgress {
  /** What is to be sent: events, those sent again, and what is badly signed. */
  readonly deliveries: number;
  /** How many of them are done with: taken, refused or given up. */
  readonly done: number;
  readonly requests: number;
  readonly seconds: number;
}

/** What came of a campaign. What was badly signed counts in `badSignatures` alone. */
export interface CampaignSummary {
  readonly seed: number;
  readonly events: number;
  readonly requests: number;
  /** Requests that were answered with a 2xx, by what the receiver says it has done. */
  readonly answered: Readonly<Record<Outcome, number>>;
  /** Requests by the status they were answered with; `failed` is how many were not answered. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Deliveries that were refused in a way that no repetition would change. */
  readonly refused: number;
  readonly badSignatures: { readonly sent: number; readonly refused: number };
  /** Deliveries that were neither taken nor refused when the time was over. */
  readonly gaveUp: number;
  readonly seconds: number;
  /** Requests a second. */
  readonly perSecond: number;
  readonly oracle?: Oracle;
}

/** What the receiver should have made of a campaign that was taken as a whole. */
export interface Oracle {
  /** Each sku with the event of its highest revision; `product` is null when that one deletes it. */
  readonly products: readonly {
    readonly sku: string;
    readonly revision: number;
    readonly eventId: string;
    readonly product: ProductFields | null;
  }[];
  /** Each event with how often it was answered with a 2xx. */
  readonly events: readonly {
    readonly id: string;
    readonly sku: string;
    readonly revision: number;
    readonly taken: number;
  }[];
}
