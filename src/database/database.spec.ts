import { beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import pg from 'pg';
import { Registry } from 'prom-client';
import type { DataSource } from 'typeorm';

import type { Environment } from '../config/environment.js';
import { MIGRATIONS, migrationName } from '../migrations.js';
import { Problem } from '../problems/problem.js';
import { Database } from './database.js';

type Query = (query: { name?: string; text: string }) => Promise<{ rows: object[] }>;

const applied = MIGRATIONS.map((file) => ({ name: migrationName(file) }));
const statement = { text: 'SELECT name', values: [], prepared: true };

function databaseError(code: string): pg.DatabaseError {
  return Object.assign(new pg.DatabaseError('of the server', 1, 'error'), { code });
}

/** A database that has just found its migrations applied, over a pool that answers as told. */
async function connected(query: Query): Promise<Database> {
  const dataSource = {
    isInitialized: true,
    driver: {
      master: {
        waitingCount: 0,
        query: (statement: { text: string } | string) =>
          typeof statement === 'string' ? Promise.resolve({ rows: applied }) : query(statement),
      },
    },
  } as unknown as DataSource;
  const environment = {
    DATABASE_POOL_MAX: 2,
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
      const error = await database.query(statement).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(Problem);
      expect(error).toMatchObject({
        slug: 'dependency-unavailable',
        headers: { 'Retry-After': '1' },
      });
    },
  );

  it.each(['42601', '22003', '23505'])('leaves SQLSTATE %s as our own fault', async (code) => {
    const database = await connected(({ text }) =>
      text === statement.text ? Promise.reject(databaseError(code)) : Promise.resolve({ rows: [] }),
    );
    await expect(database.query(statement)).rejects.toMatchObject({ code });
  });

  describe('when PostgreSQL is silent', () => {
    const TIMEOUT = new Error('timeout of a silent connection');
    const QUESTION = 'SELECT 1';
    const asks = ({ text }: { text: string }): boolean => text === QUESTION;
    let sent: { text: string; answer: (error?: Error) => void }[];
    let database: Database;

    beforeEach(async () => {
      sent = [];
      database = await connected(({ text }) =>
        [statement.text, QUESTION].includes(text)
          ? new Promise((resolve, reject) => {
              const answer = (error?: Error): void => {
                if (error === undefined) resolve({ rows: [{}] });
                else reject(error);
              };
              sent.push({ text, answer });
            })
          : Promise.resolve({ rows: [] }),
      );
    });

    /** Has a statement end in this way. */
    async function end(error?: Error): Promise<void> {
      const answer = database.query(statement).catch(() => undefined);
      sent.at(-1)?.answer(error);
      await answer;
    }

    it('sends nothing but one question, and does not wait for it as long as it may take', async () => {
      await end(TIMEOUT);
      const waiting = [database.query(statement), database.query(statement)];
      for (const answer of waiting) {
        await expect(answer).rejects.toMatchObject({ slug: 'dependency-unavailable' });
      }
      expect(sent.slice(1).map(asks)).toEqual([true]);
    });

    it('goes on as soon as it is heard', async () => {
      await end(TIMEOUT);
      const waiting = database.query(statement);
      sent.at(-1)?.answer();
      await new Promise(setImmediate);
      sent.at(-1)?.answer();
      expect(await waiting).toEqual([{}]);
      await end();
      expect(sent.map(asks)).toEqual([false, true, false, false]);
    });

    it('has nobody ask where another statement was answered meanwhile', async () => {
      const slow = database.query(statement).catch(() => undefined);
      await end();
      sent.at(0)?.answer(TIMEOUT);
      await slow;
      await end();
      expect(sent.filter(asks)).toEqual([]);
    });

    it.each([databaseError('57014'), new Error('ECONNREFUSED')])(
      'does not take %s for silence',
      async (error) => {
        await end(error);
        await end();
        expect(sent.filter(asks)).toEqual([]);
      },
    );
  });
});
