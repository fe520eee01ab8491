import { parseArgs } from 'node:util';
import { isNativeError } from 'node:util/types';

import { DEFAULT_BATCH } from './seed-products.js';
import { SeedFailure } from './seed-failure.js';

/** What the command line asks for. */
export interface SeedArguments {
  readonly count: number;
  readonly batch: number;
}

const USAGE = 'Usage: npm run seed -- --count N [--batch B]';
const MOST_ROWS = 100_000_000;

/**
 * Reads `--count N` (required) and `--batch B` (default {@link DEFAULT_BATCH}), both integers from 1
 * to 100,000,000.
 *
 * @throws SeedFailure that names the bad argument.
 */
export function seedArguments(args: readonly string[]): SeedArguments {
  const { count, batch } = parse(args);
  if (count === undefined) {
    throw new SeedFailure(`--count is missing. ${USAGE}`);
  }
  return {
    count: integer('--count', count),
    batch: batch === undefined ? DEFAULT_BATCH : integer('--batch', batch),
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
    throw new SeedFailure(`${reason.replace(/\.? ?(To specify .*)?$/, '')}. ${USAGE}`);
  }
}

function integer(name: string, value: string): number {
  const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= 1 && number <= MOST_ROWS)) {
    throw new SeedFailure(`${name} must be an integer from 1 to ${MOST_ROWS}, not "${value}".`);
  }
  return number;
}
