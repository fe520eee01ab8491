import { setTimeout as delay } from 'node:timers/promises';
import { isNativeError } from 'node:util/types';
import { type ClientConfig, DatabaseError } from 'pg';

import { SampleTable } from './sample-table.js';
import { SeedFailure } from './seed-failure.js';

/**
 * Rows in a transaction unless asked otherwise: under a second of work and a few megabytes of WAL, well
 * within what a serverless database and its proxy allow one transaction.
 */
export const DEFAULT_BATCH = 10_000;

/** What to load, and who wants to know. */
export interface SeedOptions {
  /** The table shall hold rows 1 to `count` of the sample catalogue. */
  readonly count: number;
  /** In which the products are priced: `CURRENCY`. */
  readonly currency: string;
  /** Rows in a transaction. Default {@link DEFAULT_BATCH}. */
  readonly batch?: number;
  /** Takes the rows reached, including those of the batch under way, which may yet be rolled back. */
  readonly onProgress?: (rows: number) => void;
  /** Takes a line for people: a connection lost and tried again, statistics that were not refreshed. */
  readonly onNotice?: (text: string) => void;
  /** Ends the load. The batch under way is rolled back, unless its commit was sent already. */
  readonly signal?: AbortSignal;
}

/** How a load ended. */
export interface SeedResult {
  /** The row up to which the table is loaded; above `count` when an earlier run went further. */
  readonly rows: number;
  /** Rows that this run committed. */
  readonly added: number;
  /** Whether the signal ended it before `count`. */
  readonly stopped: boolean;
}

const MOST_RETRIES = 6;
const FIRST_RETRY_MS = 250;

/**
 * SQLSTATEs that pass: a connection lost (08), a server restarting (57P), too many connections, another
 * transaction in the way (40, 55P03), and a sku that someone took between our look and our COPY (23505).
 */
const PASSING_STATES = /^(08...|57P0.|53300|40...|55P03|23505)$/;
const PASSING_CODES =
  /^(ECONNREFUSED|ENOTFOUND|ECONNRESET|ECONNABORTED|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN)$/;
/** Met at the very first attempt, these tell of a wrong address rather than of an outage. */
const NOBODY_CODES = /^(ECONNREFUSED|ENOTFOUND)$/;
const PASSING_MESSAGES = /^(Connection terminated|Client has encountered a connection|timeout)/;

/**
 * Loads the sample catalogue into table `products`, from where the last run stopped up to row `count`.
 *
 * Each batch is one transaction with one COPY. Under a lock it looks for the highest sample product in
 * the table and goes on after it: a run that was stopped resumes there, two at once take turns, and a
 * greater `count` extends what a smaller one loaded. Products of others are left alone, also one that
 * bears the sku of a row to come. A sample product that was changed stays changed; one that was deleted
 * comes back only when none after it is left.
 *
 * A connection that is lost is made again, up to six times in a row at growing intervals.
 *
 * @throws SeedFailure when the database cannot be reached, lacks the table, or refuses the rows.
 */
export async function seedProducts(
  connection: ClientConfig,
  { count, currency, batch = DEFAULT_BATCH, onProgress, onNotice, signal }: SeedOptions,
): Promise<SeedResult> {
  let table: SampleTable | undefined;
  let reached = false;
  let failures = 0;
  let rows = 0;
  let added = 0;

  const abort = (): void => table?.abort();
  signal?.addEventListener('abort', abort);
  try {
    while (rows < count && signal?.aborted !== true) {
      try {
        table ??= await SampleTable.connect(connection, currency);
        reached = true;
        const result = await table.appendBatch({ after: rows, size: batch, count }, (reachedRow) =>
          onProgress?.(reachedRow),
        );
        rows = result.rows;
        added += result.added;
        failures = 0;
      } catch (error) {
        await table?.close();
        table = undefined;
        if (isAborted(signal)) {
          break;
        }
        const nobodyThere = !reached && failures === 0 && NOBODY_CODES.test(codeOf(error));
        failures++;
        if (nobodyThere || !passes(error) || failures > MOST_RETRIES) {
          throw explain(error, reached, rows);
        }
        const pause = FIRST_RETRY_MS * 2 ** (failures - 1);
        onNotice?.(`${reason(error)}. Trying again in ${pause / 1000} s.`);
        await delay(pause, undefined, signal && { signal }).catch(() => undefined);
      }
    }
    if (added > 0 && rows >= count && !isAborted(signal)) {
      for (const fault of (await table?.refreshStatistics()) ?? []) {
        onNotice?.(`The rows are in, but VACUUM and ANALYZE are left to autovacuum: ${fault}`);
      }
    }
  } finally {
    signal?.removeEventListener('abort', abort);
    await table?.close();
  }
  return { rows, added, stopped: rows < count };
}

/** Asked anew after each await, which the compiler does not know to change the answer. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

/** Whether trying again may help. */
function passes(error: unknown): boolean {
  if (error instanceof DatabaseError) {
    return PASSING_STATES.test(error.code ?? '');
  }
  return (
    PASSING_CODES.test(codeOf(error)) ||
    (isNativeError(error) && PASSING_MESSAGES.test(error.message))
  );
}

function explain(error: unknown, reached: boolean, rows: number): unknown {
  if (!reached) {
    return new SeedFailure(
      `Cannot connect to the database: ${reason(error)}. Check DATABASE_URL and that the server is up.`,
    );
  }
  if (error instanceof DatabaseError && (error.code === '42P01' || error.code === '42703')) {
    return new SeedFailure(
      `The database lacks this version's table products (${error.message}). Run \`npm run migration:run\` first.`,
    );
  }
  if (error instanceof DatabaseError || passes(error)) {
    return new SeedFailure(
      `The load failed${rows === 0 ? '' : ` after row ${rows}`}: ${reason(error)}. What is committed stays; the same command goes on from there.`,
    );
  }
  return error;
}

function codeOf(error: unknown): string {
  return isNativeError(error) && 'code' in error && typeof error.code === 'string'
    ? error.code
    : '';
}

/** A failed connection to a name with several addresses is an AggregateError without a message. */
function reason(error: unknown): string {
  if (isNativeError(error) && 'errors' in error && Array.isArray(error.errors)) {
    return error.errors.map(reason).join(', ');
  }
  return isNativeError(error) ? error.message : String(error);
}
