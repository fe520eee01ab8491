import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';

import { parsePostgresUrl, readPostgresUrl } from './postgres-url.js';

const URL = 'postgresql://farm:hunter2@db.example:5432/farmlokal';

let directory: string;
let root: string;
let junk: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'farmlokal-'));
  root = join(directory, 'root.pem');
  writeFileSync(root, rootCertificates[0] ?? '');
  junk = join(directory, 'junk.pem');
  writeFileSync(junk, 'no certificate');
});

afterAll(() => {
  rmSync(directory, { recursive: true });
});

describe(parsePostgresUrl.name, () => {
  it.each([
    [URL, 'db.example', 5432, 'farm', 'hunter2', 'farmlokal'],
    ['postgres://u:p@ss:w@h', 'h', undefined, 'u', 'p@ss:w', ''],
    ['POSTGRES://u%40x:%2Fp%25@h:/d%20b\n', 'h', undefined, 'u@x', '/p%', 'd b'],
    ['postgresql://[2001:db8::1]:6543/db', '2001:db8::1', 6543, '', '', 'db'],
    ['postgresql://%2Fvar%2Frun%2Fpostgresql/db', '/var/run/postgresql', undefined, '', '', 'db'],
    ['postgresql:///db?host=/var/run/postgresql', '/var/run/postgresql', undefined, '', '', 'db'],
    ['postgresql://u:p@/db?host=/run/pg&port=6543', '/run/pg', 6543, 'u', 'p', 'db'],
    ['postgresql://a/b?host=h&user=u&password=p%26w&dbname=d', 'h', undefined, 'u', 'p&w', 'd'],
  ])('reads %s', (url, host, port, user, password, database) => {
    expect(parsePostgresUrl(url)).toMatchObject({ host, port, user, password, database });
  });

  it.each([
    ['mysql://h/d', 'the URL does not have this form'],
    ['db.example', 'the URL does not have this form'],
    ['postgres://u:hunter2#x@h/d', '# must be written %23'],
    ['postgres://u:50%off@h/d', '% that starts no escape'],
    ['postgres://u:hunter2/x@h/d', 'the port must be an integer from 1 to 65535'],
    ['postgres://h:0/d', 'the port must be an integer'],
    ['postgres://h:65536/d', 'the port must be an integer'],
    ['postgres:///d', 'the host, or the directory of a Unix socket, is missing'],
    ['postgres://u:hunter2@h1,h2/d', 'several hosts'],
    ['postgres://u:hunter2@h1:5432,h2:5433/d', 'several hosts'],
    ['postgres:///d?host=h1,h2', 'several hosts'],
    ['postgres://h/d?sslmod=require', 'the parameter sslmod is not supported'],
    ['postgres://h/d?SSLMODE=require', 'the parameter SSLMODE is not supported'],
    ['postgres://h/d?constructor=1', 'the parameter constructor is not supported'],
    [
      'postgres://h/d?hunter2@x=1',
      'a parameter is not supported (in a password, ? is written %3F)',
    ],
    ['postgres://h/d?sslmode=disable&sslmode=require', 'sslmode is given twice'],
    ['postgres://h/d?sslmode=', 'sslmode is empty'],
    ['postgres://h/d?sslmode=prefer', 'sslmode must be one of disable, require, verify-ca'],
    ['postgres://h/d?target_session_attrs=read-write', 'target_session_attrs can only be any'],
    ['postgres://h/d?ssl=false', 'ssl can only be true'],
  ])('refuses %s', (url, reason) => {
    expect(() => parsePostgresUrl(url)).toThrow(reason);
    expect(() => parsePostgresUrl(url)).not.toThrow('hunter2');
  });
});

describe(readPostgresUrl.name, () => {
  const name = { rejectUnauthorized: true };
  const chain = { rejectUnauthorized: true, checkServerIdentity: expect.any(Function) };
  const none = { rejectUnauthorized: false };

  it.each([
    ['', undefined],
    ['sslmode=disable', false],
    ['sslmode=no-verify', none],
    ['sslmode=require', name],
    ['sslmode=verify-ca', name],
    ['sslmode=verify-full', name],
    ['ssl=true', name],
    ['sslrootcert=system', name],
    ['sslmode=require&sslrootcert=system', name],
    ['uselibpqcompat=false&sslmode=require', name],
    ['uselibpqcompat=true&sslmode=require', none],
    ['uselibpqcompat=true&ssl=true', none],
    ['uselibpqcompat=true&sslmode=verify-full', name],
    ['uselibpqcompat=true&sslrootcert=system', name],
    ['target_session_attrs=any&gssencmode=disable', undefined],
  ])('verifies the certificate as %j requires', (query, ssl) => {
    expect(readPostgresUrl(`${URL}?${query}`).ssl).toEqual(ssl);
  });

  it.each([
    ['', name],
    ['sslmode=require', name],
    ['sslmode=verify-full', name],
    ['sslmode=verify-ca', chain],
    ['uselibpqcompat=true&sslmode=require', chain],
    ['uselibpqcompat=true&sslmode=verify-ca', chain],
  ])('trusts only the root certificate with %j and sslrootcert', (query, ssl) => {
    expect(readPostgresUrl(`${URL}?${query}&sslrootcert=${root}`).ssl).toEqual({
      ...ssl,
      ca: rootCertificates[0],
    });
  });

  it.each([
    ['sslrootcert=/none.pem', 'sslrootcert names a file that cannot be read: /none.pem (ENOENT)'],
    ['sslrootcert=/', 'sslrootcert names a file that cannot be read: / (EISDIR)'],
    ['sslcert=/none.pem', 'sslcert and sslkey go together'],
    ['sslkey=/none.pem', 'sslcert and sslkey go together'],
    ['sslcert=/none.pem&sslkey=/none.key', 'sslcert names a file that cannot be read: /none.pem'],
    ['sslmode=verify-ca&sslrootcert=system', 'sslrootcert=system needs sslmode=verify-full'],
    ['sslmode=disable&sslrootcert=system', 'sslrootcert=system needs sslmode=verify-full'],
    [
      'uselibpqcompat=true&sslmode=require&sslrootcert=system',
      'sslrootcert=system needs sslmode=verify-full',
    ],
    ['uselibpqcompat=true', 'uselibpqcompat=true needs an sslmode'],
    ['uselibpqcompat=true&sslmode=verify-ca', 'sslmode=verify-ca needs an sslrootcert'],
    ['sslnegotiation=direct', 'sslnegotiation=direct needs an sslmode with TLS'],
    ['connect_timeout=0', 'connect_timeout must be an integer from 1 to 600'],
  ])('refuses %s', (query, reason) => {
    expect(() => readPostgresUrl(`${URL}?${query}`)).toThrow(reason);
  });

  it('refuses files without a certificate or key', () => {
    expect(() => readPostgresUrl(`${URL}?sslrootcert=${junk}`)).toThrow(
      `sslrootcert names a file without a certificate: ${junk}`,
    );
    expect(() => readPostgresUrl(`${URL}?sslcert=${root}&sslkey=${junk}`)).toThrow(
      'sslcert and sslkey cannot be used together',
    );
  });

  it('uses no TLS on a Unix socket, like libpq', () => {
    expect(readPostgresUrl('postgresql:///db?host=/run/pg&sslmode=require').ssl).toBe(false);
  });

  it('passes the other parameters to pg', () => {
    const query =
      'application_name=a&options=-c%20search_path%3Dx&connect_timeout=3&channel_binding=require';
    expect(readPostgresUrl(`${URL}?${query}`)).toMatchObject({
      application_name: 'a',
      options: '-c search_path=x',
      connectionTimeoutMillis: 3000,
      enableChannelBinding: true,
    });
  });
});
