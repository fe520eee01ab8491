import { parseArgs } from 'node:util';

export const CASES = ['latency', 'depth', 'redis-outage', 'partners', 'webhooks'] as const;
export type Case = (typeof CASES)[number];

/** What the command line asks for. */
export interface Arguments {
  readonly cases: readonly Case[];
  /** Products in the catalogue. */
  readonly rows: number;
  /** How long each load lasts. */
  readonly seconds: number;
}

/** What is published is measured with these. */
export const DEFAULTS: Arguments = { cases: CASES, rows: 1_000_000, seconds: 60 };

const USAGE = `Usage: npm run bench -- [${CASES.join('] [')}] [--rows N] [--seconds N]`;

/** Tells what is wrong with the command line; its message is all there is to say. */
export class UsageError extends Error {}

/** @throws UsageError that names the bad argument. */
export function readArguments(args: readonly string[]): Arguments {
  const { values, positionals } = parse(args);
  const unknown = positionals.find((name) => !isCase(name));
  if (unknown !== undefined) {
    throw new UsageError(`There is no case "${unknown}". ${USAGE}`);
  }
  const chosen = CASES.filter((name) => positionals.includes(name));
  return {
    cases: chosen.length === 0 ? CASES : chosen,
    // With fewer, the narrow filters and the deep pages run into each other.
    rows: integer('--rows', values.rows, DEFAULTS.rows, 20_000, 10_000_000),
    seconds: integer('--seconds', values.seconds, DEFAULTS.seconds, 3, 600),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: { rows: { type: 'string' }, seconds: { type: 'string' } },
      allowPositionals: true,
    });
  } catch (error) {
    const [reason = ''] = error instanceof Error ? error.message.split('. ') : [];
    throw new UsageError(`${reason}. ${USAGE}`);
  }
}

function isCase(name: string): boolean {
  return (CASES as readonly string[]).includes(name);
}

function integer(
  name: string,
  text: string | undefined,
  unset: number,
  min: number,
  max: number,
): number {
  if (text === undefined) {
    return unset;
  }
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number >= min && number <= max)) {
    throw new UsageError(`${name} must be an integer from ${min} to ${max}, not "${text}".`);
  }
  return number;
}
