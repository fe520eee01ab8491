import { parseArgs } from 'node:util';
import { isNativeError } from 'node:util/types';

import { SeedFailure } from './seed-failure.js';
import { DEFAULT_BATCH_SIZE } from './seed-products.js';

export interface SeedArguments {
  /** Rows that the table should have in the end. */
  readonly count: number;
  /** Rows per transaction. */
  readonly batch: number;
}

const USAGE = 'Usage: npm run seed -- --count N [--batch B]';
const MAX_ROWS = 100_000_000;

/**
 * Parses `--count N` (required) and `--batch B` (default {@link DEFAULT_BATCH_SIZE}), integers from 1 to 100,000,000.
 *
 * @throws SeedFailure that names the invalid argument.
 */
export function seedArguments(args: readonly string[]): SeedArguments {
  const { count, batch } = parse(args);
  if (count === undefined) {
    throw new SeedFailure(`--count is missing. ${USAGE}`);
  }
  return {
    count: parseInteger('--count', count),
    batch: batch === undefined ? DEFAULT_BATCH_SIZE : parseInteger('--batch', batch),
  };
}

function parse(args: readonly string[]): { count?: string; batch?: string } {
  try {
    return parseArgs({
      args: [...args],
      options: { count: { type: 'string' }, batch: { type: 'string' } },
    }).values;
  } catch (error) {
    const [reason = ''] = isNativeError(error) ? error.message.split('\n') : [];
    // Node appends a hint on how to pass a value that starts with a dash.
    throw new SeedFailure(`${reason.replace(/\.? ?(To specify .*)?$/, '')}. ${USAGE}`);
  }
}

function parseInteger(name: string, value: string): number {
  const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= 1 && number <= MAX_ROWS)) {
    throw new SeedFailure(`${name} must be an integer from 1 to ${MAX_ROWS}, not "${value}".`);
  }
  return number;
}
