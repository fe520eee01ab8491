import { randomUUID } from 'node:crypto';

import { type PostgresServer, query } from '../../dev/postgres-server.js';
import { TEMPLATE_DATABASE } from './postgres-server.js';

/** A migrated, empty database that belongs to one spec. */
export class Database {
  constructor(
    private readonly maintenanceUrl: string,
    private readonly name: string,
  ) {}

  get url(): string {
    const url = new URL(this.maintenanceUrl);
    url.pathname = this.name;
    return url.href;
  }

  /** Runs one statement on a connection of its own; gives the rows. */
  async query<Row extends Record<string, unknown>>(
    text: string,
    values: unknown[] = [],
  ): Promise<Row[]> {
    return await query<Row>(this.url, text, values);
  }

  /** Removes it, whoever is still connected. */
  async drop(): Promise<void> {
    await query(this.maintenanceUrl, `DROP DATABASE ${this.name} WITH (FORCE)`);
  }
}

/** Clones the migrated database, on the run's PostgreSQL unless another one is given. */
export async function createDatabase(server?: PostgresServer): Promise<Database> {
  const maintenanceUrl = server?.url('postgres') ?? process.env.TEST_POSTGRES_URL;
  if (maintenanceUrl === undefined) {
    throw new Error('TEST_POSTGRES_URL is unset: is this a Jest run?');
  }
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await query(maintenanceUrl, `CREATE DATABASE ${name} TEMPLATE ${TEMPLATE_DATABASE}`);
  return new Database(maintenanceUrl, name);
}
