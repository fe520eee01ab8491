import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';

import { httpFetch } from '../support/http.js';
import { createDatabase, type Database } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { type Service, startService } from '../support/service.js';

function run(entry: string, env: Record<string, string>, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [entry, ...args], {
    env: { PATH: process.env.PATH, ...env },
    encoding: 'utf8',
    timeout: 30_000,
  });
  return { status, stdout, stderr };
}

function migrate(command: string, databaseUrl: string) {
  return run(
    'node_modules/typeorm/cli.js',
    { DATABASE_URL: databaseUrl },
    command,
    '--dataSource',
    'dist/database/cli.data-source.js',
  );
}

async function ready({ url }: Service): Promise<boolean> {
  return (await httpFetch(`${url}/health/ready`)).status === 200;
}

describe('Starting', () => {
  it('with invalid variables exits with 1 and one message that names them all', () => {
    const { status, stdout, stderr } = run('dist/main.js', {
      DATABASE_URL: 'postgres://farm:hunter2@host/db?sslmode=maybe',
      PORT: 'http',
      CACHE_TTL_MS: '-5',
    });
    expect(status).toBe(1);
    expect(stdout + stderr).not.toContain('hunter2');
    expect(stderr.trim().split('\n')).toEqual([
      'The environment is not valid:',
      '  PORT: got "http", expected an integer from 0 to 65535',
      expect.stringContaining('  DATABASE_URL: got a value (not shown), expected postgresql://'),
      '  CACHE_TTL_MS: got "-5", expected an integer from 1 to 86400000',
    ]);
  });

  it('on a port in use exits with 1 and a message that names PORT', async () => {
    const first = await startService({ DATABASE_URL: 'postgres://localhost:1/none' });
    const { status, stderr } = run('dist/main.js', {
      DATABASE_URL: 'postgres://localhost:1/none',
      HOST: '127.0.0.1',
      PORT: new URL(first.url).port,
    });
    await first.kill('SIGKILL');
    expect(status).toBe(1);
    expect(stderr).toContain('PORT');
    expect(stderr).not.toContain('    at ');
  });
});

describe('The schema', () => {
  let database: Database;

  beforeEach(async () => {
    database = await createDatabase();
  });

  afterEach(async () => {
    await database.drop();
  });

  it('matches the entities', () => {
    expect(migrate('schema:log', database.url).stdout).toContain('Your schema is up to date');
  });

  it('can be reverted and migrated again, and the service waits for it', async () => {
    for (const table of ['webhook_events', 'products']) {
      expect(migrate('migration:revert', database.url).status).toBe(0);
      expect(await database.query('SELECT to_regclass($1) AS table', [table])).toEqual([
        { table: null },
      ]);
    }
    const service = await startService({ DATABASE_URL: database.url });
    await eventually(() =>
      Promise.resolve(
        service.logs().includes('Waiting for migrations: CreateProducts') || undefined,
      ),
    );
    expect(await ready(service)).toBe(false);

    expect(migrate('migration:run', database.url).status).toBe(0);
    await eventually(async () => ((await ready(service)) ? true : undefined));
    await service.stop();
  });

  const GOOD = {
    sku: `'S'`,
    name: `'Okra'`,
    description: `''`,
    category: `'Vegetables'`,
    price: '0',
    currency: `'INR'`,
    unit: `'kg'`,
    producer: `'Asha Farm'`,
  };

  async function insert(row: Record<string, string>): Promise<void> {
    await database.query(
      `INSERT INTO products (${Object.keys(row).join(', ')}) VALUES (${Object.values(row).join(', ')})`,
    );
  }

  it.each<Record<string, string>>([
    {},
    { price: '9999999999.99' },
    { latitude: '-90', longitude: '180' },
    { revision: '9007199254740991' },
    { name: `repeat('🥭', 200)` },
  ])('accepts %j', async (columns) => {
    await insert({ ...GOOD, ...columns });
  });

  it('accepts a tombstone with only a sku', async () => {
    await insert({ sku: `'S'`, deleted_at: 'now()' });
  });

  it.each<Record<string, string>>([
    { price: '-0.01' },
    { price: '10000000000' },
    { currency: `'inr'` },
    { currency: `'RUPEE'` },
    { latitude: '91', longitude: '0' },
    { latitude: '0', longitude: '-181' },
    { latitude: '0' },
    { longitude: '0' },
    { revision: '-1' },
    { revision: '9007199254740992' },
    { name: `''` },
    { name: `repeat('x', 201)` },
    { category: `repeat('x', 101)` },
    { description: `repeat('x', 5001)` },
    { unit: 'NULL' },
    { price: 'NULL' },
    { sku: 'NULL' },
  ])('rejects %j', async (columns) => {
    await expect(insert({ ...GOOD, ...columns })).rejects.toMatchObject({
      code: expect.stringMatching(/^(22|23)/),
    });
  });

  it('rejects the same sku twice', async () => {
    await insert(GOOD);
    await expect(insert(GOOD)).rejects.toMatchObject({ code: '23505' });
  });
});
