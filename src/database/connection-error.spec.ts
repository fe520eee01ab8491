import { describe, expect, it } from '@jest/globals';
import pg from 'pg';

import { causeOf, serverName } from './connection-error.js';

describe(serverName.name, () => {
  it.each([
    ['postgresql://u:hunter2@db.example/farm', 'PostgreSQL at db.example:5432, database farm'],
    ['postgresql://u:hunter2@[::1]:6543/farm', 'PostgreSQL at [::1]:6543, database farm'],
    ['postgresql://u:hunter2@db.example', 'PostgreSQL at db.example:5432, database u'],
    ['postgresql:///d?host=/run/pg', 'PostgreSQL at /run/pg/.s.PGSQL.5432, database d'],
  ])('names the server of %s', (url, name) => {
    expect(serverName(url)).toBe(name);
  });
});

describe(causeOf.name, () => {
  const coded = (code: string, message = code): Error =>
    Object.assign(new Error(message), { code });
  const refused = new AggregateError([coded('ECONNREFUSED'), coded('ECONNREFUSED')]);
  const tooMany = Object.assign(
    new pg.DatabaseError('sorry, too many\n clients already', 1, 'error'),
    {
      code: '53300',
    },
  );

  it.each([
    [coded('ENOTFOUND'), 'the host name does not exist (ENOTFOUND)'],
    [coded('EHOSTUNREACH'), 'there is no route to the host (EHOSTUNREACH)'],
    [Object.assign(refused, { code: 'ECONNREFUSED' }), 'the connection was refused (ECONNREFUSED)'],
    [coded('CERT_HAS_EXPIRED'), 'the certificate has expired (CERT_HAS_EXPIRED)'],
    [coded('ESOMETHING', 'a new error.'), 'a new error (ESOMETHING)'],
    [tooMany, 'sorry, too many clients already (53300)'],
    [new Error('timeout expired'), 'no connection within the timeout'],
    [new Error('Connection terminated unexpectedly'), 'the server closed the connection'],
    [
      new Error('The server does not support SSL connections'),
      'The server does not support SSL connections',
    ],
    [
      new Error('SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string'),
      'the server requires a password, and the URL has none',
    ],
    ['nothing', 'unknown error'],
  ])('describes %s', (error, words) => {
    expect(causeOf(error)).toBe(words);
  });
});
