import { parseArgs } from 'node:util';

/** Results are published only if they were measured with these. */
export const DEFAULTS = { rows: 1_000_000, seconds: 60 };

export const USAGE = 'Usage: npm run bench -- SUITE [--rows N] [--seconds N]';

/** A command line that is wrong. The message says why. */
export class UsageError extends Error {}

/**
 * Reads the suite (undefined: list the suites), the products in the catalog, and how long a load lasts.
 *
 * @throws UsageError that names the wrong argument.
 */
export function readArguments(args: readonly string[], suites: readonly string[]) {
  const { values, positionals } = parse([...args]);
  const [suite, ...others] = positionals;
  if (others.length > 0) throw new UsageError(`Name one suite. ${USAGE}`);
  if (suite !== undefined && !suites.includes(suite)) {
    throw new UsageError(`There is no suite "${suite}". Suites: ${suites.join(', ')}. ${USAGE}`);
  }
  // A smaller catalog has no room for narrow filters and deep pages.
  const rows = integer('--rows', values.rows, DEFAULTS.rows, 20_000, 10_000_000);
  return { suite, rows, seconds: integer('--seconds', values.seconds, DEFAULTS.seconds, 3, 600) };
}

function parse(args: string[]) {
  const options = { rows: { type: 'string' }, seconds: { type: 'string' } } as const;
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    const [reason = ''] = error instanceof Error ? error.message.split('. ') : [];
    throw new UsageError(`${reason}. ${USAGE}`);
  }
}

function integer(name: string, text: string | undefined, unset: number, min: number, max: number) {
  const number = text === undefined ? unset : /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (number >= min && number <= max) return number;
  throw new UsageError(`${name} must be an integer from ${min} to ${max}, not "${String(text)}".`);
}
