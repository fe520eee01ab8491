import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';

import type { PostgresServer } from '../../dev/postgres-server.js';
import { httpFetch } from '../support/http.js';
import { createDatabase, type Database } from '../support/database.js';
import { startPostgres } from '../support/postgres-server.js';
import { type Service, startReadyService } from '../support/service.js';

let postgres: PostgresServer;
let database: Database;
let service: Service;

beforeAll(async () => {
  postgres = await startPostgres();
  database = await createDatabase(postgres);
  service = await startReadyService({ DATABASE_URL: database.url });
});

afterAll(async () => {
  await service.stop();
  await postgres.stop();
});

describe('GET /health', () => {
  it('checks the dependencies at most once a second, and waits no longer than a second', async () => {
    const seen = async (): Promise<number> => {
      const [row] = await database.query<{ commits: string }>(
        'SELECT pg_stat_clear_snapshot(), xact_commit::text AS commits FROM pg_stat_database WHERE datname = current_database()',
      );
      return Number(row?.commits);
    };
    const before = await seen();
    await Promise.all(Array.from({ length: 200 }, () => httpFetch(`${service.url}/health`)));
    expect((await seen()) - before).toBeLessThan(20);

    await postgres.pause();
    try {
      await sleep(1100);
      const began = performance.now();
      const responses = await Promise.all(
        Array.from({ length: 50 }, () => httpFetch(`${service.url}/health`)),
      );
      expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([503]));
      expect(performance.now() - began).toBeLessThan(3000);
    } finally {
      await postgres.resume();
    }
  });
});
