import { describe, expect, it } from '@jest/globals';

import { describeRefusal, isHarmless, keyOf, type ReplyError } from './reply-error.js';

const SCRIPT = 'script: 2cc147c3063f8c5029ee935c31bbdfca3086c564, on @user_script:1.';
const OLD_SCRIPT = 'ERR Error running script (call to f_2cc147c3063f8c5029ee93): @user_script:1:';

function replyError(message: string, name = 'get', ...args: string[]): ReplyError {
  return { name: 'ReplyError', message, command: { name, args } };
}

describe(isHarmless.name, () => {
  it.each([
    'WRONGTYPE Operation against a key holding the wrong kind of value',
    'ERR value is not an integer or out of range',
    'ERR increment or decrement would overflow',
    `WRONGTYPE Operation against a key holding the wrong kind of value ${SCRIPT}`,
    `${OLD_SCRIPT} WRONGTYPE Operation against a key holding the wrong kind of value`,
    `${OLD_SCRIPT} ERR value is not an integer or out of range`,
    "ERR invalid expire time in 'set' command",
  ])('accepts %j, which is about one key or one argument', (message) => {
    expect(isHarmless(replyError(message))).toBe(true);
  });

  it.each([
    "OOM command not allowed when used memory > 'maxmemory'.",
    `${OLD_SCRIPT} @user_script: 1: -OOM command not allowed when used memory > 'maxmemory'.`,
    'ERR max number of clients reached',
    'ERR max requests limit exceeded. Limit: 500000, Usage: 500001.',
    'MOVED 3999 127.0.0.1:6381',
    "CROSSSLOT Keys in request don't hash to the same slot",
    `ERR The user executing the script can't run this command or subcommand ${SCRIPT}`,
    'ERR syntax error',
    'SOMETHING new',
    '',
  ])('rejects %j, which is about Redis', (message) => {
    expect(isHarmless(replyError(message))).toBe(false);
  });
});

describe(describeRefusal.name, () => {
  it('names the cause, the command and the reply', () => {
    const error = replyError('ERR DB index is out of range', 'select', '1');
    expect(describeRefusal(error)).toEqual({
      reason: 'the database in REDIS_URL does not exist on this server',
      message:
        'the database in REDIS_URL does not exist on this server (SELECT: ERR DB index is out of range)',
    });
  });

  it('names the command and the reply of an error that it does not know', () => {
    const error = replyError('ERR max requests limit exceeded. Limit: 9, Usage: 10.', 'set');
    expect(describeRefusal(error)).toEqual({
      reason: 'ERR',
      message: 'it refuses SET: ERR max requests limit exceeded. Limit: 9, Usage: 10.',
    });
  });

  it.each([
    ["ERR unknown command 'AUTH', with args beginning with: 'hunter2' ", 'hunter2'],
    ["ERR unknown command 'SET', with args beginning with: 'farmlokal:a' 'token' ", 'token'],
    ["NOPERM No permissions to access the 'farmlokal:page:/api/products?q=me' key", 'q=me'],
    [`OOM command not allowed. ${SCRIPT}`, 'user_script'],
  ])('keeps the arguments in %j out of the log', (reply, argument) => {
    const { message } = describeRefusal(replyError(reply));
    expect(message).not.toContain(argument);
    expect(message).toContain(reply.slice(0, 16));
  });

  it('gives the keys of a cluster the same reason', () => {
    const reasons = ['MOVED 1 10.0.0.1:6379', 'MOVED 2 10.0.0.2:6379', 'ASK 3 10.0.0.2:6379'].map(
      (reply) => describeRefusal(replyError(reply)).reason,
    );
    expect(new Set(reasons).size).toBe(1);
  });
});

describe(keyOf.name, () => {
  it('finds the key of a command and of a script', () => {
    expect(keyOf(replyError('', 'get', 'farmlokal:a'))).toBe('farmlokal:a');
    expect(keyOf(replyError('', 'eval', 'return 1', '1', 'farmlokal:b', 'x'))).toBe('farmlokal:b');
  });

  it('takes no password for a key', () => {
    expect(keyOf(replyError('', 'auth', 'user', 'hunter2'))).toBeUndefined();
  });
});
