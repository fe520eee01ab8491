import {
  BadSwitchError,
  flag,
  integer,
  nullable,
  share,
  type Switch,
  Switches,
  type SwitchTable,
} from './switches.js';

const MAX_EVENTS = 100_000;
const MAX_URLS = 20;

/** The options of an emit run. */
export interface EmitOptions {
  /** Events, each with its own id. */
  count: number;
  /** Distinct products; null for a tenth of `count`. */
  products: number | null;
  /** Share of the events that is sent twice, with the same id. */
  duplicates: number;
  /** Sends the events in random order instead of oldest first. */
  shuffle: boolean;
  /** Requests in flight at most. */
  concurrency: number;
  /** Events in a burst, followed by a pause of 250 ms; null for no pauses. */
  bursts: number | null;
  /** Messages with a wrong signature that are sent in addition, as a share of `count`. */
  badSignatures: number;
  /** Receivers, used in rotation; null for the registered callback. */
  urls: readonly string[] | null;
  /** Adds the expected state of the receiver to the summary. */
  oracle: boolean;
}

/** The options of an emit run with every default filled in. */
export interface EmitRunOptions extends EmitOptions {
  products: number;
  /** The currency of the prices. */
  currency: string;
  urls: readonly string[];
}

const URLS: Switch<readonly string[]> = {
  initial: [],
  accepts: `1 to ${MAX_URLS} http or https URLs`,
  read: (value) =>
    Array.isArray(value) && value.length >= 1 && value.length <= MAX_URLS && value.every(isHttpUrl)
      ? value
      : undefined,
};

/** What each option accepts, and its default. */
export const EMIT_OPTIONS: SwitchTable<EmitOptions> = {
  count: integer(100, 1, MAX_EVENTS),
  products: nullable(integer(1, 1, MAX_EVENTS)),
  duplicates: share(),
  shuffle: flag(),
  concurrency: integer(8, 1, 64),
  bursts: nullable(integer(1, 1, MAX_EVENTS)),
  badSignatures: share(),
  urls: nullable(URLS),
  oracle: flag(),
};

/**
 * Validates the options of a run and fills in the defaults.
 *
 * @throws BadSwitchError that names every invalid option.
 */
export function readEmitOptions(
  given: Readonly<Record<string, unknown>>,
  currency: string,
  registeredUrl: string | undefined,
): EmitRunOptions {
  const options = new Switches(EMIT_OPTIONS, 'option');
  options.set(given);
  const { values } = options;
  const { count, products } = values;
  if (products !== null && products > count) {
    throw new BadSwitchError(`products: must not be more than count (${count})`);
  }
  const urls = values.urls ?? (registeredUrl === undefined ? [] : [registeredUrl]);
  if (urls.length === 0) {
    throw new BadSwitchError('urls: required, because no callback is registered');
  }
  return { ...values, currency, urls, products: products ?? Math.max(1, Math.floor(count / 10)) };
}

/** Whether a value is an http or https URL without credentials. */
export function isHttpUrl(value: unknown): value is string {
  if (typeof value !== 'string' || !URL.canParse(value)) return false;
  const { protocol, username, password } = new URL(value);
  return /^https?:$/.test(protocol) && username + password === '';
}
