import { randomUUID } from 'node:crypto';

import { type PostgresServer, query } from '../../dev/postgres-server.js';
import { TEMPLATE_DATABASE } from './postgres-server.js';

/** A migrated database of one spec file. */
export class Database {
  constructor(readonly url: string) {}

  /** Runs one statement on a connection of its own and returns the rows. */
  async query<Row extends Record<string, unknown>>(
    text: string,
    values: unknown[] = [],
  ): Promise<Row[]> {
    return await query<Row>(this.url, text, values);
  }

  /** Drops the database and closes all connections to it. */
  async drop(): Promise<void> {
    const name = new URL(this.url).pathname.slice(1);
    await query(urlOf(this.url, 'postgres'), `DROP DATABASE ${name} WITH (FORCE)`);
  }
}

/** Clones the migrated template database on this server; the default is the server of the test run. */
export async function createDatabase(server?: PostgresServer): Promise<Database> {
  const maintenanceUrl = server?.url('postgres') ?? process.env.TEST_POSTGRES_URL;
  if (maintenanceUrl === undefined) {
    throw new Error('TEST_POSTGRES_URL is unset: is this a Jest run?');
  }
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await query(maintenanceUrl, `CREATE DATABASE ${name} TEMPLATE ${TEMPLATE_DATABASE}`);
  return new Database(urlOf(maintenanceUrl, name));
}

function urlOf(server: string, database: string): string {
  const url = new URL(server);
  url.pathname = database;
  return url.href;
}
