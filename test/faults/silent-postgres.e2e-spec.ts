import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';

import { createDataSource } from '../../src/database/data-source.js';
import { createDatabase, type Database } from '../support/database.js';
import { FaultProxy } from '../support/fault-proxy.js';

const STATEMENT_TIMEOUT_MS = 1000;
/** Longer than the timeout of a statement. */
const LONG_S = 2;

let database: Database;
let proxy: FaultProxy;
let dataSource: DataSource;

beforeEach(async () => {
  database = await createDatabase();
  proxy = await FaultProxy.start(database.url);
  dataSource = createDataSource(proxy.url, {
    poolMax: 1,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  });
  await dataSource.initialize();
});

afterEach(async () => {
  await dataSource.destroy();
  await proxy.stop();
  await database.drop();
});

/** The PostgreSQL process behind the connection. */
async function serving(): Promise<number | undefined> {
  const [response] = await dataSource.query<{ pid: number }[]>('SELECT pg_backend_pid() AS pid');
  return response?.pid;
}

describe('A connection to PostgreSQL', () => {
  it('is replaced when it stays silent during a statement', async () => {
    const first = await serving();
    await proxy.fail('blackhole');
    await expect(serving()).rejects.toThrow('unresponsive connection');
    await proxy.fail('none');
    expect(await serving()).not.toBe(first);
  });

  it('may stay idle without being replaced', async () => {
    const first = await serving();
    await sleep(LONG_S * 1000);
    expect(await serving()).toBe(first);
  });

  it('reports the statement timeout of the server, which expires first', async () => {
    await expect(dataSource.query(`SELECT pg_sleep(${LONG_S})`)).rejects.toThrow(
      'statement timeout',
    );
  });

  it('has no timeout in the command line', async () => {
    const unlimited = createDataSource(proxy.url, { poolMax: 1 });
    await unlimited.initialize();
    try {
      await expect(unlimited.query(`SELECT pg_sleep(${LONG_S})`)).resolves.toHaveLength(1);
    } finally {
      await unlimited.destroy();
    }
  });
});
