import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { DataSource } from 'typeorm';

import type { ConnectionPool } from '../../src/database/connection-pool.js';
import { createDataSource } from '../../src/database/data-source.js';
import { createDatabase, type Database } from '../support/database.js';

const MINUTE_MS = 60_000;
const CONNECTIONS = 3;

let database: Database;
let dataSource: DataSource;

beforeEach(async () => {
  // Only the pool needs these timers; pg works without them.
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask', 'performance'] });
  database = await createDatabase();
  dataSource = createDataSource(database.url, { poolMax: CONNECTIONS });
  await dataSource.initialize();
});

afterEach(async () => {
  await dataSource.destroy();
  jest.useRealTimers();
  await database.drop();
});

/** The PostgreSQL processes behind all connections of the pool. */
async function serving(): Promise<number[]> {
  const responses = await Promise.all(
    Array.from({ length: CONNECTIONS }, () =>
      dataSource.query<[{ pid: number }]>('SELECT pg_backend_pid() AS pid FROM pg_sleep(0.2)'),
    ),
  );
  return responses.map(([{ pid }]) => pid).sort((a, b) => a - b);
}

describe('The connections of a burst', () => {
  it('stay open for some minutes and are then closed', async () => {
    const first = await serving();
    expect(new Set(first).size).toBe(CONNECTIONS);
    jest.advanceTimersByTime(5 * MINUTE_MS);
    expect(await serving()).toEqual(first);
    jest.advanceTimersByTime(15 * MINUTE_MS);
    expect((await serving()).filter((pid) => first.includes(pid))).toEqual([]);
  });

  it('are replaced within 33 minutes even when busy, so that they follow a DNS change', async () => {
    const first = await serving();
    for (let minutes = 0; minutes < 25; minutes += 5) {
      jest.advanceTimersByTime(5 * MINUTE_MS);
      expect(await serving()).toEqual(first);
    }
    jest.advanceTimersByTime(8 * MINUTE_MS);
    expect((await serving()).filter((pid) => first.includes(pid))).toEqual([]);
  });

  it('are all replaced when the pool is renewed, without failing a running statement', async () => {
    const first = await serving();
    const pool = (dataSource.driver as unknown as { master: ConnectionPool }).master;
    const busy = await pool.connect();
    pool.renew();
    const { rows } = await busy.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    expect(first).toContain(rows[0]?.pid);
    busy.release();
    expect((await serving()).filter((pid) => first.includes(pid))).toEqual([]);
    expect(pool.totalCount).toBe(CONNECTIONS);
  });
});
