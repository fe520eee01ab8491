import pg from 'pg';

import { stopAfterTest } from './after-test.js';

/** Connects to PostgreSQL. After the test that opened it, the connection ends, and with it the transaction and its locks. */
export async function connectPostgres(url: string): Promise<pg.Client> {
  const client = new pg.Client(url);
  await client.connect();
  stopAfterTest(() => client.end());
  return client;
}
