import { setTimeout as delay } from 'node:timers/promises';
import { isNativeError } from 'node:util/types';
import { type ClientConfig, DatabaseError } from 'pg';

import { causeOf } from '../database/connection-error.js';
import { exponentialBackoff } from '../resilience/exponential-backoff.js';
import { NETWORK_ERRORS } from '../resilience/network-error.js';
import { SampleTable } from './sample-table.js';
import { SeedFailure } from './seed-failure.js';

/**
 * Default rows per transaction: under a second of work and a few megabytes of WAL, which serverless databases and
 * poolers allow.
 */
export const DEFAULT_BATCH_SIZE = 10_000;

export interface SeedOptions {
  /** The table should have rows 1 to `count` of the sample catalog in the end. */
  readonly count: number;
  /** ISO 4217 code of the prices: `CURRENCY`. */
  readonly currency: string;
  /** Rows per transaction. Default {@link DEFAULT_BATCH_SIZE}. */
  readonly batch?: number;
  /** Receives the rows loaded so far, with those of the open transaction, which can still be rolled back. */
  readonly onProgress?: (rows: number) => void;
  /** Receives a sentence for the user, for example that a lost connection is retried. */
  readonly onNotice?: (text: string) => void;
  /** Stops the load. The open transaction is rolled back, unless its COMMIT is already sent. */
  readonly signal?: AbortSignal;
}

export interface SeedResult {
  /** The last sample row of the table; above `count` when an earlier run loaded more. */
  readonly rows: number;
  /** Rows that this run committed. */
  readonly added: number;
  /** Whether the signal stopped the load before `count`. */
  readonly stopped: boolean;
}

const MAX_RETRIES = 6;
const BACKOFF = { minMs: 250, maxMs: 8000 };

/**
 * SQLSTATEs worth a retry: connection lost (08), server restarting (57P), too many connections (53300), conflict with
 * another transaction (40, 55P03), and a sku that another session inserted since the check (23505).
 */
const RETRIABLE_STATES = /^(08...|57P0.|53300|40...|55P03|23505)$/;
const RETRIABLE_MESSAGES = /^(Connection terminated|Client has encountered a connection|timeout)/;
/** At the first attempt these mean a wrong address rather than an outage. */
const WRONG_ADDRESS_CODES = /^(ECONNREFUSED|ENOTFOUND)$/;

/**
 * Loads rows 1 to `count` of the sample catalog into table `products`, one COPY and one transaction per batch.
 *
 * Under a lock, each batch continues after the last sample product in the table. So a stopped run resumes, concurrent
 * runs take turns, and a greater `count` extends an earlier load. Existing products are never changed, even one that has
 * the sku of a sample product. A deleted sample product is loaded again only if no later one exists.
 *
 * Retries a lost connection up to six times in a row, with exponential backoff.
 *
 * @throws SeedFailure when the database cannot be reached, lacks the table, or refuses the rows.
 */
export async function seedProducts(
  connection: ClientConfig,
  { count, currency, batch = DEFAULT_BATCH_SIZE, onProgress, onNotice, signal }: SeedOptions,
): Promise<SeedResult> {
  let table: SampleTable | undefined;
  let hasConnected = false;
  let failures = 0;
  let rows = 0;
  let added = 0;

  const abort = (): void => table?.abort();
  signal?.addEventListener('abort', abort);
  try {
    while (rows < count && signal?.aborted !== true) {
      try {
        table ??= await SampleTable.connect(connection, currency);
        hasConnected = true;
        const result = await table.appendBatch({ after: rows, size: batch, count }, (row) =>
          onProgress?.(row),
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
        failures++;
        const isWrongAddress =
          !hasConnected && failures === 1 && WRONG_ADDRESS_CODES.test(codeOf(error));
        if (isWrongAddress || !isRetriable(error) || failures > MAX_RETRIES) {
          throw explain(error, hasConnected, rows);
        }
        const delayMs = exponentialBackoff(failures, BACKOFF);
        onNotice?.(`The load was interrupted: ${causeOf(error)}. Retrying in ${delayMs / 1000} s.`);
        await delay(delayMs, undefined, signal && { signal }).catch(() => undefined);
      }
    }
    if (added > 0 && rows >= count && !isAborted(signal)) {
      for (const failure of (await table?.refreshStatistics()) ?? []) {
        onNotice?.(
          `The rows are loaded, but VACUUM or ANALYZE failed and is left to autovacuum: ${failure}`,
        );
      }
    }
  } finally {
    signal?.removeEventListener('abort', abort);
    await table?.close();
  }
  return { rows, added, stopped: rows < count };
}

/** A function, because the compiler assumes that `aborted` does not change after a check. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function isRetriable(error: unknown): boolean {
  if (error instanceof DatabaseError) {
    return RETRIABLE_STATES.test(error.code ?? '');
  }
  return (
    Object.hasOwn(NETWORK_ERRORS, codeOf(error)) ||
    (isNativeError(error) && RETRIABLE_MESSAGES.test(error.message))
  );
}

function explain(error: unknown, hasConnected: boolean, rows: number): unknown {
  if (!hasConnected) {
    return new SeedFailure(
      `Cannot connect to the database: ${causeOf(error)}. Check DATABASE_URL and that the server is running.`,
    );
  }
  if (error instanceof DatabaseError && (error.code === '42P01' || error.code === '42703')) {
    return new SeedFailure(
      `The table products is missing or out of date (${error.message}). Run \`npm run migration:run\` first.`,
    );
  }
  if (error instanceof DatabaseError || isRetriable(error)) {
    const where = rows === 0 ? '' : ` after row ${rows}`;
    return new SeedFailure(
      `The load failed${where}: ${causeOf(error)}. Committed rows remain. Run the same command again to continue.`,
    );
  }
  return error;
}

function codeOf(error: unknown): string {
  return isNativeError(error) && 'code' in error && typeof error.code === 'string'
    ? error.code
    : '';
}
