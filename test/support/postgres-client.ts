import pg from 'pg';

import { stopAfterTest } from './after-test.js';

/** Connects to PostgreSQL. The connection closes after the test, which ends its transaction and releases its locks. */
export async function connectPostgres(url: string): Promise<pg.Client> {
  const client = new pg.Client(url);
  await client.connect();
  stopAfterTest(() => client.end());
  return client;
}
