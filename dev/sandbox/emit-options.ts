import { randomInt } from 'node:crypto';

import {
  BadSwitchError,
  flag,
  integer,
  orNull,
  share,
  type Switch,
  Switches,
  type SwitchTable,
} from './switches.js';

const MAX_EVENTS = 100_000;
const MAX_URLS = 20;

/** What can be said of a campaign. */
export interface EmitOptions {
  /** Events, each with an id of its own. */
  count: number;
  /** Distinct skus they are about; null for a tenth of `count`. */
  products: number | null;
  skuPrefix: string;
  /** The share of the events that is sent a second time, under the same id, at some other moment. */
  duplicates: number;
  /** Sends in random order; else as the events were created. */
  shuffle: boolean;
  /** The share of the events that deletes its product. */
  deletes: number;
  /** Senders, each of which has one event in hand. */
  concurrency: number;
  /** Events begun a second, those sent again among them; null for as fast as they go. */
  rate: number | null;
  /** Sends in bursts of that many, with a pause between two. */
  bursts: number | null;
  /** As a share of `count`: what is sent besides with a wrong signature, to be refused. */
  badSignatures: number;
  /** Where to send, in turns; null for where the callback is registered. */
  urls: readonly string[] | null;
  /** Makes the same events in the same order whenever it is given; null for new ones. */
  seed: number | null;
  /** The revision of every product's first event; null for 1 with a seed, else for microseconds since 1970. */
  firstRevision: number | null;
  /** When to give up. */
  timeoutMs: number;
  /** Whether the summary tells what became of each event and product. */
  oracle: boolean;
}

/** The options once everything is settled. */
export interface CampaignOptions extends EmitOptions {
  products: number;
  /** In which products are priced. */
  currency: string;
  urls: readonly string[];
  seed: number;
  firstRevision: number;
  /** When the first event was created, in milliseconds since 1970. */
  createdFrom: number;
}

const SKU_PREFIX: Switch<string> = {
  initial: 'EMIT-',
  takes: 'a text of 1 to 100 characters',
  read: (value) =>
    typeof value === 'string' && /^[^\0]{1,100}$/u.test(value) && value.isWellFormed()
      ? value
      : undefined,
};

const URLS: Switch<readonly string[]> = {
  initial: [],
  takes: `1 to ${MAX_URLS} http or https addresses`,
  read: (value) =>
    Array.isArray(value) && value.length >= 1 && value.length <= MAX_URLS && value.every(isHttpUrl)
      ? value
      : undefined,
};

/** The table of what can be said of a campaign. */
export const EMIT_OPTIONS: SwitchTable<EmitOptions> = {
  count: integer(100, 1, MAX_EVENTS),
  products: orNull(integer(1, 1, MAX_EVENTS)),
  skuPrefix: SKU_PREFIX,
  duplicates: share(),
  shuffle: flag(),
  deletes: share(0.05),
  concurrency: integer(8, 1, 64),
  rate: orNull(integer(1, 1, MAX_EVENTS)),
  bursts: orNull(integer(1, 1, MAX_EVENTS)),
  badSignatures: share(),
  urls: orNull(URLS),
  seed: orNull(integer(0, 0, Number.MAX_SAFE_INTEGER)),
  firstRevision: orNull(integer(0, 0, Number.MAX_SAFE_INTEGER - MAX_EVENTS)),
  timeoutMs: integer(600_000, 1, 3_600_000),
  oracle: flag(),
};

/**
 * Reads the options of a campaign and fills in what is not said.
 *
 * @throws BadSwitchError that names the bad ones.
 */
export function readEmitOptions(
  given: Readonly<Record<string, unknown>>,
  currency: string,
  registeredUrl: string | undefined,
): CampaignOptions {
  const options = new Switches(EMIT_OPTIONS, 'option');
  options.set(given);
  const { values } = options;
  const { count, products, seed } = values;
  if (products !== null && products > count) {
    throw new BadSwitchError(`products: takes at most as many as there are events (${count})`);
  }
  const urls = values.urls ?? (registeredUrl === undefined ? [] : [registeredUrl]);
  if (urls.length === 0) {
    throw new BadSwitchError('urls: nobody has registered a callback, so it takes some');
  }
  const now = Date.now();
  return {
    ...values,
    currency,
    urls,
    products: products ?? Math.max(1, Math.floor(count / 10)),
    seed: seed ?? randomInt(2 ** 48 - 1),
    // By the clock: what an earlier campaign has made of the same products is older.
    firstRevision: values.firstRevision ?? (seed === null ? now * 1_000 : 1),
    createdFrom: seed === null ? now - count : Date.UTC(2026, 0, 1),
  };
}

/** Whether a value is an address that can be sent to. */
export function isHttpUrl(value: unknown): value is string {
  if (typeof value !== 'string' || !URL.canParse(value)) return false;
  const { protocol, username, password } = new URL(value);
  return /^https?:$/.test(protocol) && username + password === '';
}
