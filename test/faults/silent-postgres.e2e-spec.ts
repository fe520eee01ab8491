import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';

import { createDataSource } from '../../src/database/data-source.js';
import { createDatabase, type Database } from '../support/database.js';
import { FaultProxy } from '../support/fault-proxy.js';

const STATEMENT_TIMEOUT_MS = 1000;
/** Longer than the client gives a statement. */
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

/** The process of PostgreSQL behind the one connection. */
async function serving(): Promise<number | undefined> {
  const [answer] = await dataSource.query<{ pid: number }[]>('SELECT pg_backend_pid() AS pid');
  return answer?.pid;
}

describe('A connection to PostgreSQL', () => {
  it('is given up when it stays silent, and another takes its place', async () => {
    const first = await serving();
    await proxy.fail('blackhole');
    await expect(serving()).rejects.toThrow('unresponsive connection');
    await proxy.fail('none');
    expect(await serving()).not.toBe(first);
  });

  it('may be silent as long as nobody asks anything of it', async () => {
    const first = await serving();
    await sleep(LONG_S * 1000);
    expect(await serving()).toBe(first);
  });

  it('is left to the server, whose word about its own deadline comes first', async () => {
    await expect(dataSource.query(`SELECT pg_sleep(${LONG_S})`)).rejects.toThrow(
      'statement timeout',
    );
  });

  it('of the command line may take as long as it takes', async () => {
    const patient = createDataSource(proxy.url, { poolMax: 1 });
    await patient.initialize();
    try {
      await expect(patient.query(`SELECT pg_sleep(${LONG_S})`)).resolves.toHaveLength(1);
    } finally {
      await patient.destroy();
    }
  });
});
