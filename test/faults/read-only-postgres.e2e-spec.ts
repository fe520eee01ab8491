import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';

import { query } from '../../dev/postgres-server.js';
import { httpFetch } from '../support/http.js';
import { createDatabase, type Database } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { type Service, startReadyService } from '../support/service.js';
import { SECRET, send, upserted } from '../support/signed-event.js';

interface Report {
  readonly details: { readonly database: { readonly status: string; readonly message?: string } };
}

let database: Database;
let service: Service;

beforeAll(async () => {
  database = await createDatabase();
  service = await startReadyService({
    DATABASE_URL: database.url,
    WEBHOOK_SECRETS: SECRET,
  });
});

afterAll(async () => {
  await service.stop();
  await database.drop();
});

async function setReadOnly(value: 'on' | 'off'): Promise<void> {
  const name = new URL(database.url).pathname.slice(1);
  await query(
    process.env.TEST_POSTGRES_URL ?? '',
    `ALTER DATABASE ${name} SET default_transaction_read_only = ${value}`,
  );
}

/** Ends the sessions of the service, as a server does that is demoted. */
async function endSessions(): Promise<void> {
  await database.query(`
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()`);
}

async function logged(line: string): Promise<void> {
  await eventually(() => Promise.resolve(service.logs().includes(line) || undefined));
}

async function health(): Promise<[number, string | undefined]> {
  const { status, body } = await httpFetch<Report>(`${service.url}/health`);
  return [status, body.details.database.message];
}

describe('A read-only PostgreSQL', () => {
  it('is reported as not the primary, and replaced once a connection accepts writes', async () => {
    await setReadOnly('on');
    await endSessions();
    const id = randomUUID();
    await eventually(async () => {
      const refused = await send<{ detail: string }>(service.url, upserted(id, 1), { id });
      expect(refused.status).toBe(503);
      // The first request can meet a session that has ended.
      return refused.body.detail === 'The catalog accepts no changes right now.' || undefined;
    });
    await logged('PostgreSQL is not the primary: it refuses writes (25006).');
    await eventually(async () => {
      const [status, message] = await health();
      return status === 503 && message?.includes('not the primary') === true ? true : undefined;
    });
    expect((await httpFetch(`${service.url}/api/products`)).status).toBe(200);
    expect((await httpFetch(`${service.url}/health/ready`)).status).toBe(200);

    await setReadOnly('off');
    // Existing sessions stay read-only: the service has to replace them itself.
    await eventually(async () => (await health())[0] === 200 || undefined);
    await logged('PostgreSQL accepts writes again.');
    expect((await send(service.url, upserted(id, 1), { id })).status).toBe(200);
  });
});
