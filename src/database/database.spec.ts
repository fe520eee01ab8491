import { beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import pg from 'pg';
import { Registry } from 'prom-client';
import { type DataSource, QueryFailedError, type QueryRunner } from 'typeorm';

import type { Environment } from '../config/environment.js';
import { MIGRATIONS, migrationName } from '../migrations.js';
import { Deadline } from '../resilience/deadline.js';
import { Database } from './database.js';
import { DatabaseOverloadedError } from './database-overloaded.error.js';
import { DatabaseUnavailableError } from './database-unavailable.error.js';

type Query = (query: { name?: string; text: string }) => Promise<{ rows: object[] }>;

const applied = MIGRATIONS.map((file) => ({ name: migrationName(file) }));
const statement = { text: 'SELECT name', values: [], prepared: true };
const CONNECTIONS = 2;

function databaseError(code: string): pg.DatabaseError {
  return Object.assign(new pg.DatabaseError('of the server', 1, 'error'), { code });
}

/** A database whose migrations are applied, with connections that answer by `query`. */
async function connected(query: Query): Promise<Database> {
  const runner = {
    connect: () => Promise.resolve({ query }),
    release: () => Promise.resolve(),
  } as unknown as QueryRunner;
  const dataSource = {
    isInitialized: true,
    driver: { master: { closeOnRelease: () => undefined } },
    query: () => Promise.resolve(applied),
    createQueryRunner: () => runner,
  } as unknown as DataSource;
  const environment = {
    DATABASE_POOL_MAX: CONNECTIONS,
    DATABASE_STATEMENT_TIMEOUT_MS: 60_000,
  } as Environment;
  const database = new Database(dataSource, environment, new Registry());
  database.onApplicationBootstrap();
  await new Promise(setImmediate);
  return database;
}

describe(Database.name, () => {
  beforeAll(() => {
    Logger.overrideLogger(false);
  });

  it.each(['26000', '42P05'])('goes on without prepared statements after %s', async (code) => {
    const query = jest.fn<Query>(({ name }) =>
      name === undefined ? Promise.resolve({ rows: [{}] }) : Promise.reject(databaseError(code)),
    );
    const database = await connected(query);
    expect(await database.query(statement)).toEqual([{}]);
    expect(await database.query(statement)).toEqual([{}]);
    expect(query.mock.calls.filter(([{ name }]) => name !== undefined)).toHaveLength(1);
  });

  it('prepares one text under one name, and another text under another', async () => {
    const query = jest.fn<Query>(() => Promise.resolve({ rows: [] }));
    const database = await connected(query);
    query.mockClear();
    for (const text of ['SELECT 1', 'SELECT 1', 'SELECT 2']) {
      await database.query({ ...statement, text });
    }
    const [first, second, third] = query.mock.calls.map(([{ name }]) => name);
    expect(first).toBe(second);
    expect(third).not.toBe(first);
    expect(first?.length).toBeLessThan(64);
  });

  it.each(['57P01', '57P03', '57014', '53300', '08006', '25006', '42501', '42P01'])(
    'takes SQLSTATE %s for an outage',
    async (code) => {
      const database = await connected(({ text }) =>
        text === statement.text
          ? Promise.reject(databaseError(code))
          : Promise.resolve({ rows: [] }),
      );
      const query = database.query(statement);
      await expect(query).rejects.toThrow(DatabaseUnavailableError);
      expect(database.isAnswering).toBe(code === '25006');
    },
  );

  it.each(['42601', '22003', '23505'])('throws SQLSTATE %s as it is', async (code) => {
    const database = await connected(() => Promise.reject(databaseError(code)));
    await expect(database.query(statement)).rejects.toMatchObject({ code });
    expect(database.isAnswering).toBe(true);
  });

  it('gives the error of PostgreSQL for an error of TypeORM', async () => {
    const database = await connected(() => Promise.resolve({ rows: [] }));
    const failure = new QueryFailedError('SELECT name', [], databaseError('23505'));
    await expect(database.run(() => Promise.reject(failure))).rejects.toMatchObject({
      name: 'error',
      code: '23505',
    });
  });

  describe('with statements that wait for PostgreSQL', () => {
    const TIMEOUT = new Error('timeout of an unresponsive connection');
    const PROBE = 'SELECT 1';
    const warn = jest.spyOn(Logger.prototype, 'warn');
    const log = jest.spyOn(Logger.prototype, 'log');
    let sent: { text: string; end: (error?: Error) => void }[];
    let database: Database;

    beforeEach(async () => {
      sent = [];
      database = await connected(
        ({ text }) =>
          new Promise((resolve, reject) => {
            const end = (error?: Error): void => {
              if (error === undefined) resolve({ rows: [{}] });
              else reject(error);
            };
            sent.push({ text, end });
          }),
      );
      jest.clearAllMocks();
    });

    /** Starts a statement, and waits until everything that it sends at once is sent. */
    async function start(): Promise<{ query: Promise<object[] | undefined> }> {
      const query = database.query(statement).catch(() => undefined);
      await new Promise(setImmediate);
      return { query };
    }

    /** Ends the statement or probe that was sent last. */
    async function endLast(error?: Error): Promise<void> {
      sent.at(-1)?.end(error);
      await new Promise(setImmediate);
    }

    function probes(): number {
      return sent.filter(({ text }) => text === PROBE).length;
    }

    it('is unavailable when all connections are busy and none answers until the deadline', async () => {
      for (let busy = 0; busy < CONNECTIONS; busy += 1) await start();
      const query = database.query(statement, Deadline.in(20));
      await expect(query).rejects.toThrow(DatabaseUnavailableError);
    });

    it('is overloaded when all connections are busy and some answer until the deadline', async () => {
      for (let busy = 0; busy <= CONNECTIONS; busy += 1) await start();
      const query = database.query(statement, Deadline.in(20));
      sent.at(0)?.end();
      await expect(query).rejects.toThrow(DatabaseOverloadedError);
    });

    it('sends one probe after a timeout, and no statement before the probe succeeds', async () => {
      await start();
      await endLast(TIMEOUT);
      const queries = [database.query(statement), database.query(statement)];
      for (const query of queries) {
        await expect(query).rejects.toThrow(DatabaseUnavailableError);
      }
      expect(sent.slice(1).map(({ text }) => text)).toEqual([PROBE]);
    });

    it('sends statements again as soon as the probe succeeds', async () => {
      await start();
      await endLast(TIMEOUT);
      const { query } = await start();
      await endLast();
      await endLast();
      expect(await query).toEqual([{}]);
      await start();
      await endLast();
      expect(sent.map(({ text }) => text === PROBE)).toEqual([false, true, false, false]);
    });

    it('ignores a timeout when another statement has succeeded since', async () => {
      await start();
      await start();
      await endLast();
      sent.at(0)?.end(TIMEOUT);
      await start();
      await endLast();
      expect(probes()).toBe(0);
      expect(warn).not.toHaveBeenCalled();
      expect(database.isAnswering).toBe(true);
    });

    it('ignores a late timeout of the probe when another statement has succeeded since', async () => {
      await start();
      await start();
      sent.at(0)?.end(TIMEOUT);
      await new Promise(setImmediate);
      const { query } = await start();
      const [, slow, probe] = sent;
      slow?.end();
      await new Promise(setImmediate);
      probe?.end(TIMEOUT);
      await new Promise(setImmediate);
      await endLast();
      expect(await query).toEqual([{}]);
      expect(warn.mock.calls).toEqual([[expect.stringContaining('does not answer')]]);
      expect(log.mock.calls).toEqual([['PostgreSQL answers again.']]);
    });

    it.each([databaseError('57014'), new Error('ECONNREFUSED')])(
      'sends no probe after %s',
      async (error) => {
        await start();
        await endLast(error);
        await start();
        expect(probes()).toBe(0);
      },
    );
  });
});
