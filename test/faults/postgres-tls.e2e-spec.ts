import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectTo, createServer } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import pg from 'pg';

import { causeOf } from '../../src/database/connection-error.js';
import { postgresConnection } from '../../src/database/connection.js';
import { createDatabase, type Database } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { startService } from '../support/service.js';
import { testDirectory } from '../support/test-directory.js';
import { startTlsPostgres, type TlsPostgres } from '../support/tls-postgres.js';

let postgres: TlsPostgres;
let database: Database;

beforeAll(async () => {
  postgres = await startTlsPostgres();
  database = await createDatabase(postgres.server);
});

afterAll(async () => {
  await postgres.server.stop();
});

/** The URL of the database under a host name, with parameters in which ROOT, OTHER and CLIENT stand for files. */
function urlOf(host: string, query: string): string {
  const url = new URL(database.url);
  url.hostname = host;
  url.search = query
    .replace('ROOT', postgres.authority.cert)
    .replace('OTHER', postgres.otherAuthority.cert)
    .replace('CLIENT_KEY', postgres.client.key)
    .replace('CLIENT', postgres.client.cert);
  return url.href;
}

/** Connects and returns whether the connection uses TLS, and the name in the client certificate. */
async function connect(url: string): Promise<{ ssl: boolean; client: string | null }> {
  const client = new pg.Client(postgresConnection(url));
  try {
    await client.connect();
    const { rows } = await client.query<{ ssl: boolean; client: string | null }>(
      'SELECT ssl, client_dn AS client FROM pg_stat_ssl WHERE pid = pg_backend_pid()',
    );
    return rows[0] ?? { ssl: false, client: null };
  } catch (error) {
    throw new Error(causeOf(error), { cause: error });
  } finally {
    await client.end();
  }
}

const UNTRUSTED = 'authority that is not trusted';
const OTHER_NAME = "does not match certificate's altnames";

describe('A connection to PostgreSQL over TLS', () => {
  it.each([
    ['localhost', 'sslmode=verify-full&sslrootcert=ROOT'],
    ['localhost', 'sslmode=require&sslrootcert=ROOT'],
    ['localhost', 'sslrootcert=ROOT'],
    ['127.0.0.1', 'sslmode=verify-ca&sslrootcert=ROOT'],
    ['127.0.0.1', 'uselibpqcompat=true&sslmode=require&sslrootcert=ROOT'],
    ['127.0.0.1', 'uselibpqcompat=true&sslmode=require'],
    ['127.0.0.1', 'sslmode=no-verify'],
    ['localhost', 'sslmode=require&sslrootcert=ROOT&sslnegotiation=direct'],
    ['localhost', 'sslmode=require&sslrootcert=ROOT&channel_binding=require'],
  ])('to %s succeeds with %s', async (host, query) => {
    expect(await connect(urlOf(host, query))).toEqual({ ssl: true, client: null });
  });

  it.each([
    ['127.0.0.1', 'sslmode=verify-full&sslrootcert=ROOT', OTHER_NAME],
    ['127.0.0.1', 'sslmode=require&sslrootcert=ROOT', OTHER_NAME],
    ['localhost', 'sslmode=require', UNTRUSTED],
    ['localhost', 'sslmode=verify-ca', UNTRUSTED],
    ['localhost', 'sslmode=verify-full&sslrootcert=system', UNTRUSTED],
    ['localhost', 'sslmode=verify-full&sslrootcert=OTHER', UNTRUSTED],
    ['localhost', 'sslmode=verify-ca&sslrootcert=OTHER', UNTRUSTED],
    ['localhost', 'uselibpqcompat=true&sslmode=require&sslrootcert=OTHER', UNTRUSTED],
    ['localhost', 'uselibpqcompat=true&sslmode=verify-full', UNTRUSTED],
  ])('to %s fails with %s', async (host, query, cause) => {
    await expect(connect(urlOf(host, query))).rejects.toThrow(cause);
  });

  it('presents the client certificate', async () => {
    const query = 'sslmode=verify-full&sslrootcert=ROOT&sslcert=CLIENT&sslkey=CLIENT_KEY';
    expect(await connect(urlOf('localhost', query))).toEqual({ ssl: true, client: '/CN=client' });
  });

  it('does not use TLS with sslmode=disable', async () => {
    expect(await connect(urlOf('localhost', 'sslmode=disable'))).toMatchObject({ ssl: false });
  });

  it('fails with a clear message on a server without TLS', async () => {
    const plain = process.env.TEST_POSTGRES_URL ?? '';
    await expect(connect(`${plain}?sslmode=no-verify`)).rejects.toThrow(
      'The server does not support SSL connections',
    );
  });

  it('trusts the authorities of Node with sslrootcert=system', () => {
    const DATABASE_URL = urlOf('localhost', 'sslmode=verify-full&sslrootcert=system');
    const [trusting, not] = [{ NODE_EXTRA_CA_CERTS: postgres.authority.cert }, {}].map(
      (env) =>
        spawnSync(process.execPath, ['dist/database/migrate.js', 'show'], {
          env: { DATABASE_URL, ...env },
          timeout: 30_000,
        }).status,
    );
    expect([trusting, not]).toEqual([0, 1]);
  });

  it('is retried by the service, which logs the cause', async () => {
    const DATABASE_URL = urlOf('127.0.0.1', 'sslmode=require&sslrootcert=ROOT');
    const service = await startService({ DATABASE_URL });
    const { port, pathname } = new URL(DATABASE_URL);
    const server = `PostgreSQL at 127.0.0.1:${port}, database ${pathname.slice(1)}`;
    await eventually(() =>
      Promise.resolve(service.logs().includes(`Waiting for ${server}: Hostname/IP`) || undefined),
    );
    await service.stop();
  });
});

describe('A connection to PostgreSQL over a Unix socket', () => {
  it.each([
    (directory: string, user: string, database: string) =>
      `postgresql://${user}@${encodeURIComponent(directory)}/${database}`,
    (directory: string, user: string, database: string) =>
      `postgresql://${user}@/${database}?host=${directory}`,
    // libpq ignores sslmode on a socket.
    (directory: string, user: string, database: string) =>
      `postgresql://${user}@/${database}?host=${directory}&sslmode=verify-full`,
  ])('succeeds in form %#', async (form) => {
    const { hostname, port, username, password, pathname } = new URL(database.url);
    const directory = testDirectory();
    const socket = createServer((client) => {
      const server = connectTo(Number(port), hostname);
      // Either side may end with a reset.
      pipeline(client, server, client, () => undefined);
    });
    await once(socket.listen(join(directory, '.s.PGSQL.5432')), 'listening');
    const url = form(directory, `${username}:${password}`, pathname.slice(1));
    expect(await connect(url)).toEqual({ ssl: false, client: null });
    await once(socket.close(), 'close');
  });
});
