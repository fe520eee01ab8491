import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { DataSource } from 'typeorm';

import { createDataSource } from '../../src/database/data-source.js';
import { initializeDespiteRefusal } from '../../src/database/start-parameters.js';
import { httpFetch } from '../support/http.js';
import { createDatabase, type Database } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { startReadyService } from '../support/service.js';
import { type Refusal, StrictPooler } from '../support/strict-pooler.js';

const REFUSALS: Refusal[] = [
  { code: '08P01', message: 'unsupported startup parameter: statement_timeout' },
  { code: '0A000', message: 'This proxy does not support command-line options' },
  { code: '22023', message: 'invalid value for parameter "statement_timeout": "5000"' },
  { code: '42501', message: 'permission denied to set parameter' },
  { code: 'XX000', message: 'unexpected parameter' },
  { code: '28000', message: 'statement_timeout is not allowed for this user' },
];

let database: Database;
let pooler: StrictPooler;
let dataSource: DataSource | undefined;

beforeEach(async () => {
  dataSource = undefined;
  database = await createDatabase();
});

afterEach(async () => {
  if (dataSource?.isInitialized) await dataSource.destroy();
  await pooler.stop();
  await database.drop();
});

function poolOf(url: string): DataSource {
  return (dataSource = createDataSource(url, { poolMax: 1, statementTimeoutMs: 5000 }));
}

describe('A server that rejects statement_timeout as a start parameter', () => {
  it.each(REFUSALS)('with $code is used without it', async (refusal) => {
    pooler = await StrictPooler.start(database.url, refusal);
    const pool = poolOf(pooler.url);
    expect(await initializeDespiteRefusal(pool)).toMatchObject(refusal);
    expect(await pool.query('SHOW statement_timeout')).toEqual([{ statement_timeout: '0' }]);
    expect(pooler.refusals).toBe(1);
  });

  it('does not prevent the start of the service, which logs the rejection', async () => {
    const [refusal] = REFUSALS.slice(1);
    if (refusal === undefined) throw new Error('no refusal');
    pooler = await StrictPooler.start(database.url, refusal);
    const service = await startReadyService({ DATABASE_URL: pooler.url });
    expect((await httpFetch(`${service.url}/api/products`)).status).toBe(200);
    const line = `refuses statement_timeout as a start parameter: ${refusal.message} (${refusal.code})`;
    await eventually(() => Promise.resolve(service.logs().includes(line) || undefined));
    expect(pooler.refusals).toBe(1);
    await service.stop();
  });
});

describe('A server that rejects a connection for another reason', () => {
  it.each<Refusal>([
    { code: '28P01', message: 'password authentication failed for user "farm"' },
    { code: '3D000', message: 'database "farm" does not exist' },
    { code: '53300', message: 'sorry, too many clients already' },
    { code: '57P03', message: 'the database system is starting up' },
  ])('with $code is not tried a second time', async (refusal) => {
    pooler = await StrictPooler.start(database.url, refusal);
    await expect(initializeDespiteRefusal(poolOf(pooler.url))).rejects.toMatchObject(refusal);
    expect(pooler.refusals).toBe(1);
  });

  it('gets the parameter again in the next attempt', async () => {
    pooler = await StrictPooler.start(database.url.replace('//', '//nobody-'), {
      code: '0A000',
      message: 'not now',
    });
    const pool = poolOf(pooler.url);
    for (const attempts of [1, 2]) {
      await expect(initializeDespiteRefusal(pool)).rejects.toMatchObject({ code: '28P01' });
      expect(pooler.refusals).toBe(attempts);
    }
  });
});
