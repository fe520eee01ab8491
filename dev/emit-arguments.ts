import { parseArgs } from 'node:util';

import { EMIT_OPTIONS, type EmitOptions } from './sandbox/emit-options.js';
import { BadSwitchError, Switches } from './sandbox/switches.js';

type Name = Exclude<keyof EmitOptions, 'oracle'>;

/** What stands behind a flag, and what it is for. */
const FLAGS: Readonly<Record<Name, readonly [value: string, meaning: string]>> = {
  count: ['N', 'events, 1 to 100000 (100)'],
  products: ['N', 'distinct products they are about (a tenth of --count)'],
  skuPrefix: ['TEXT', 'what their skus begin with (EMIT-)'],
  duplicates: ['SHARE', 'of the events is sent a second time, 0 to 1 (0)'],
  shuffle: ['', 'sends in random order'],
  deletes: ['SHARE', 'of the events deletes its product (0.05)'],
  concurrency: ['N', 'senders at once, 1 to 64 (8)'],
  rate: ['N', 'events a second (as fast as they go)'],
  bursts: ['N', 'sends in bursts of that many, a pause between'],
  badSignatures: ['SHARE', 'is sent besides with a wrong signature (0)'],
  urls: ['URL', 'where to send, once for each replica (where the service has registered)'],
  seed: ['N', 'makes the same events whenever it is given'],
  firstRevision: ['N', 'of every product (by the clock, with --seed 1)'],
  timeoutMs: ['MS', 'when to give up (600000)'],
};

/** How the command is used. */
export const USAGE = `Usage: npm run sandbox:emit -- [flags]

Has the partner sandbox of a running "npm run dev" send catalogue events to the service.

${names()
  .map((name) => `  ${`${flagOf(name)} ${FLAGS[name][0]}`.padEnd(24)}${FLAGS[name][1]}`)
  .join('\n')}
  --help`;

/** Tells what is wrong with the command line; its message is all there is to say. */
export class UsageError extends Error {}

/**
 * Reads the command line; `help` when that is what it asks for.
 *
 * @throws UsageError that names the bad argument.
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

function read(name: Name, value: unknown): unknown {
  const isNumber = typeof value === 'string' && name !== 'skuPrefix';
  const meant = isNumber ? (/\S/.test(value) ? Number(value) : Number.NaN) : value;
  try {
    new Switches(EMIT_OPTIONS).set({ [name]: meant });
    return meant;
  } catch (error) {
    if (!(error instanceof BadSwitchError)) throw error;
    const takes = error.message.replace(`${name}: `, '').replace(/, or null$/, '');
    throw new UsageError(`${flagOf(name)} ${takes}, not "${String(value)}". See --help.`);
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
