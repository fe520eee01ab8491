/** An error that Redis sent as the reply to a command. */
export interface ReplyError extends Error {
  readonly name: 'ReplyError';
  readonly command: { readonly name: string; readonly args: readonly unknown[] };
}

export interface Refusal {
  /** The same for all errors with one cause. */
  readonly reason: string;
  /** The reason and the reply, without keys, values or passwords. */
  readonly message: string;
}

/** The prefix that Redis up to 6.2 adds to an error inside a script. */
const SCRIPT_PREFIX =
  /^ERR Error running script .*?@user_script: ?\d+: (?:@user_script: ?\d+: )?-?/;

/** Errors about the value of one key or about an argument. Every other error is about Redis. */
const HARMLESS =
  /^(?:WRONGTYPE |ERR value is not an integer or out of range|ERR increment or decrement would overflow|ERR invalid expire time)/;

/** The part of a reply that repeats arguments, keys or the id of a script. */
const ARGUMENTS = /(?:, with args beginning with:| '?farmlokal:| script: [\da-f]{40},).*/s;

const REASONS: readonly (readonly [RegExp, string])[] = [
  [
    /^WRONGPASS |^ERR invalid password/,
    'the user or the password in REDIS_URL is wrong, or the user is disabled',
  ],
  [
    /without any password configured|no password is set/,
    'REDIS_URL has a password, but the default user of this server has none',
  ],
  [
    /wrong number of arguments for 'auth'/,
    'REDIS_URL has a user, but this server knows no users, only a password',
  ],
  [/^NOAUTH /, 'this server requires a password in REDIS_URL'],
  [
    /^ERR DB index|^ERR invalid DB index|^ERR SELECT is not allowed/,
    'the database in REDIS_URL does not exist on this server',
  ],
  [/^NOPERM |^ERR The user executing/, 'the user in REDIS_URL lacks a permission'],
  [/unknown (?:redis )?command/i, 'this server does not have a command that is needed'],
  [
    /^(?:MOVED|ASK|TRYAGAIN|CROSSSLOT|CLUSTERDOWN) /,
    'this server is a node of a Redis Cluster and does not serve all keys',
  ],
];

export function isReplyError(error: Error): error is ReplyError {
  return error.name === 'ReplyError';
}

/** Whether an error is about one command only, so that other commands can succeed. */
export function isHarmless({ message }: ReplyError): boolean {
  return HARMLESS.test(message.replace(SCRIPT_PREFIX, ''));
}

export function describeRefusal({ message, command }: ReplyError): Refusal {
  const reply = message.replace(SCRIPT_PREFIX, '').replace(ARGUMENTS, '');
  const known = REASONS.find(([pattern]) => pattern.test(reply))?.[1];
  const [code = ''] = reply.split(' ', 1);
  const name = command.name.toUpperCase();
  return {
    reason: known ?? code,
    message: known === undefined ? `it refuses ${name}: ${reply}` : `${known} (${name}: ${reply})`,
  };
}

/** The key of the refused command. */
export function keyOf({ command }: ReplyError): string | undefined {
  return command.args.find(
    (arg): arg is string => typeof arg === 'string' && arg.startsWith('farmlokal:'),
  );
}
