import { parseArgs } from 'node:util';

/** What is published together: a report, and the cases that it holds. */
export const SUITES = {
  listing: ['latency', 'depth', 'redis-outage'],
  partners: ['partners'],
  webhooks: ['webhooks'],
  speed: ['speed'],
  overload: ['overload'],
  sender: ['sender'],
  scale: ['scale'],
  drills: ['rolling-restart', 'outages', 'limit', 'addresses'],
} as const;
export type Suite = keyof typeof SUITES;
export type Case = (typeof SUITES)[Suite][number];

const CASES: readonly Case[] = Object.values(SUITES).flat();
/** Run only when they are named: one loads ten times as many rows, and one measures the sender of overload. */
const ON_REQUEST: readonly Case[] = ['scale', 'sender'];
const UNASKED = CASES.filter((name) => !ON_REQUEST.includes(name));

/** What the command line asks for. */
export interface Arguments {
  readonly cases: readonly Case[];
  /** Products in the catalogue. */
  readonly rows: number;
  /** How long each load lasts. */
  readonly seconds: number;
  /** How often each dependency fails in each way. */
  readonly cycles: number;
}

/** What is published is measured with these. */
export const DEFAULTS: Arguments = { cases: UNASKED, rows: 1_000_000, seconds: 60, cycles: 5 };

const NAMES = [...new Set([...Object.keys(SUITES), ...CASES])];
const USAGE = `Usage: npm run bench -- [${NAMES.join('] [')}] [--rows N] [--seconds N] [--cycles N]`;

/** Tells what is wrong with the command line; its message is all there is to say. */
export class UsageError extends Error {}

/** @throws UsageError that names the bad argument. */
export function readArguments(args: readonly string[]): Arguments {
  const { values, positionals } = parse(args);
  const unknown = positionals.find((name) => !NAMES.includes(name));
  if (unknown !== undefined) {
    throw new UsageError(`There is no case "${unknown}". ${USAGE}`);
  }
  const named = positionals.flatMap((name) => (isSuite(name) ? SUITES[name] : name));
  const chosen = CASES.filter((name) => named.includes(name));
  return {
    cases: chosen.length === 0 ? UNASKED : chosen,
    // With fewer, the narrow filters and the deep pages run into each other.
    rows: integer('--rows', values.rows, DEFAULTS.rows, 20_000, 10_000_000),
    seconds: integer('--seconds', values.seconds, DEFAULTS.seconds, 3, 600),
    cycles: integer('--cycles', values.cycles, DEFAULTS.cycles, 1, 1000),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        rows: { type: 'string' },
        seconds: { type: 'string' },
        cycles: { type: 'string' },
      },
      allowPositionals: true,
    });
  } catch (error) {
    const [reason = ''] = error instanceof Error ? error.message.split('. ') : [];
    throw new UsageError(`${reason}. ${USAGE}`);
  }
}

function isSuite(name: string): name is Suite {
  return Object.hasOwn(SUITES, name);
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
