import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import { httpFetch } from '../support/http.js';
import { createDatabase, type Database } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { type Sandbox, startSandbox } from '../support/sandbox.js';
import { type Service, startService } from '../support/service.js';

interface Report {
  readonly status: string;
  readonly details: Record<string, { status: string }>;
}

const PUBLIC_URL = 'https://farmlokal.example/base';

let database: Database;
let sandbox: Sandbox;

beforeAll(async () => {
  [database, sandbox] = await Promise.all([createDatabase(), startSandbox()]);
});

afterAll(async () => {
  await Promise.all([sandbox.stop(), database.drop()]);
});

beforeEach(async () => {
  await sandbox.reset();
});

async function start(): Promise<Service> {
  return await startService({
    DATABASE_URL: database.url,
    ...sandbox.environment(),
    PUBLIC_URL,
    DATABASE_STATEMENT_TIMEOUT_MS: '1000',
  });
}

/** Waits for a report with this status of the service and of the catalog API. */
async function untilReported({ url }: Service, status: string, catalogApi: string): Promise<void> {
  await eventually(async () => {
    const report = await httpFetch<Report>(`${url}/health`);
    const { status: found, details } = report.body;
    return (
      (report.status === 200 && found === status && details.catalogApi?.status === catalogApi) ||
      undefined
    );
  });
}

describe('The registration of the callback', () => {
  it('does not delay the start and succeeds once API B is up', async () => {
    await sandbox.switch('catalog', { down: true });
    const service = await start();
    await untilReported(service, 'degraded', 'degraded');
    await service.untilLogged('The callback is not registered yet');
    await sandbox.switch('catalog', { down: false, failNext: 1 });
    await untilReported(service, 'ok', 'up');
    const { catalog } = await sandbox.state();
    expect(catalog.subscription).toEqual({
      url: `${PUBLIC_URL}/api/webhooks/catalog`,
      events: ['product.upserted', 'product.deleted'],
    });
  });

  it('requests another token when API B refuses the first', async () => {
    await sandbox.revoke();
    await untilReported(await start(), 'ok', 'up');
  });
});
