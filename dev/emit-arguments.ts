import { parseArgs } from 'node:util';

import { EMIT_OPTIONS, type EmitOptions } from './sandbox/emit-options.js';
import { BadSwitchError, Switches } from './sandbox/switches.js';

type Name = Exclude<keyof EmitOptions, 'oracle'>;

/** The value of each flag (empty for a boolean), and its description with the default in parentheses. */
const FLAGS: Readonly<Record<Name, readonly [value: string, description: string]>> = {
  count: ['N', 'number of events, 1 to 100000 (100)'],
  products: ['N', 'number of distinct products (a tenth of --count)'],
  duplicates: ['SHARE', 'share of the events to send twice, 0 to 1 (0)'],
  shuffle: ['', 'send the events in random order'],
  concurrency: ['N', 'requests in flight at most, 1 to 64 (8)'],
  bursts: ['N', 'pause after every N events (no pauses)'],
  badSignatures: ['SHARE', 'messages with a wrong signature to add, as a share of --count (0)'],
  urls: ['URL', 'receiver; repeat it for each replica (the registered callback)'],
};

/** The text of `--help`. */
export const USAGE = `Usage: npm run sandbox:emit -- [flags]

Makes the partner sandbox of a running "npm run dev" send catalog events to the service.

${names()
  .map((name) => `  ${`${flagOf(name)} ${FLAGS[name][0]}`.padEnd(24)}${FLAGS[name][1]}`)
  .join('\n')}
  --help`;

/** A usage error. The command prints the message without a stack trace. */
export class UsageError extends Error {}

/**
 * Parses the command line; returns `help` for `--help`.
 *
 * @throws UsageError that names the invalid argument.
 */
export function readEmitArguments(args: readonly string[]): Partial<EmitOptions> | 'help' {
  const { help, ...values } = parse(args);
  if (help === true) return 'help';
  const given = names().flatMap((name) => {
    const value = values[kebab(name)];
    return value === undefined ? [] : [[name, read(name, value)]];
  });
  return Object.fromEntries(given) as Partial<EmitOptions>;
}

function parse(args: readonly string[]) {
  try {
    const flags = names().map((name) => [
      kebab(name),
      { type: FLAGS[name][0] === '' ? 'boolean' : 'string', multiple: name === 'urls' },
    ]);
    const options = Object.fromEntries([...flags, ['help', { type: 'boolean' }]]) as Record<
      string,
      { type: 'boolean' | 'string'; multiple?: boolean }
    >;
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    const [reason = ''] = error instanceof Error ? error.message.split('\n') : [];
    throw new UsageError(`${reason.replace(/\.? ?(To specify .*)?$/, '')}. See --help.`);
  }
}

function read(name: Name, text: unknown): unknown {
  const isNumber = typeof text === 'string';
  const value = isNumber ? (/\S/.test(text) ? Number(text) : Number.NaN) : text;
  try {
    new Switches(EMIT_OPTIONS).set({ [name]: value });
    return value;
  } catch (error) {
    if (!(error instanceof BadSwitchError)) throw error;
    const rule = error.message.replace(`${name}: `, '').replace(/, or null$/, '');
    throw new UsageError(`${flagOf(name)} ${rule}, not "${String(text)}". See --help.`);
  }
}

function names(): Name[] {
  return Object.keys(FLAGS) as Name[];
}

function flagOf(name: Name): string {
  return `--${kebab(name)}`;
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`);
}
