import { describe, expect, it } from '@jest/globals';

import { addressOf, describeConnectError, describeError } from './connection-error.js';

function failure(code: string, message: string, more: object = {}): NodeJS.ErrnoException {
  return Object.assign(new Error(message), { code, ...more });
}

const CLOSED = Object.assign(new Error('Reached the max retries'), {
  name: 'MaxRetriesPerRequestError',
});

describe(addressOf.name, () => {
  it.each([
    [{}, 'localhost:6379'],
    [{ host: 'redis.example', port: 6380, password: 'hunter2' }, 'redis.example:6380'],
    [{ host: '::1', port: 6379 }, '[::1]:6379'],
  ])('names the server of %j', (options, address) => {
    expect(addressOf(options)).toBe(address);
  });
});

describe(describeError.name, () => {
  it.each([
    [failure('ECONNRESET', 'read ECONNRESET'), 'the connection was reset (ECONNRESET)'],
    [failure('EMFILE', 'too many open files'), 'too many open files (EMFILE)'],
    [CLOSED, 'the connection was closed'],
    [new Error('Command timed out'), 'Command timed out'],
  ])('describes %s without a hint', (error, words) => {
    expect(describeError(error)).toBe(words);
  });
});

describe(describeConnectError.name, () => {
  it.each([
    [failure('ETIMEDOUT', 'connect ETIMEDOUT'), 'the server does not complete the TLS handshake'],
    [failure('ECONNRESET', 'read ECONNRESET'), 'the server does not complete the TLS handshake'],
    [
      failure('ERR_SSL_WRONG_VERSION_NUMBER', '…:error:0A00010B:SSL routines:…', {
        library: 'SSL routines',
        reason: 'wrong version number',
      }),
      'the TLS handshake failed: wrong version number',
    ],
  ])('hints at redis:// after %s with TLS', (error, words) => {
    expect(describeConnectError(error, { tls: {} })).toBe(
      `${words} (${error.code}); if the server does not use TLS, REDIS_URL must start with redis://`,
    );
  });

  it.each([
    CLOSED,
    failure('ECONNRESET', 'read ECONNRESET'),
    Object.assign(new Error('Protocol error, got "\u0015"'), { name: 'ParserError' }),
  ])('hints at rediss:// after %s without TLS', (error) => {
    expect(describeConnectError(error, {})).toBe(
      'the server does not complete the handshake; if it uses TLS, REDIS_URL must start with rediss://',
    );
  });

  it.each([
    [{}, failure('ETIMEDOUT', 'connect ETIMEDOUT'), 'the host does not answer (ETIMEDOUT)'],
    [{ tls: {} }, failure('ECONNREFUSED', 'connect'), 'the connection was refused (ECONNREFUSED)'],
    [
      { tls: {} },
      failure('CERT_HAS_EXPIRED', 'certificate has expired'),
      'certificate has expired (CERT_HAS_EXPIRED)',
    ],
  ])('has no hint where the scheme is not the reason (%j, %s)', (options, error, words) => {
    expect(describeConnectError(error, options)).toBe(words);
  });
});
