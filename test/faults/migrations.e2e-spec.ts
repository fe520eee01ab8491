import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { cpSync, mkdirSync, renameSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { MigrationInterface, QueryRunner } from 'typeorm';

import { query } from '../../dev/postgres-server.js';
import { createIndexConcurrently } from '../../migrations/concurrent-index.js';
import { dataSourceOptions } from '../../src/database/data-source.js';
import { MigrationDataSource } from '../../src/database/migration-data-source.js';
import { MIGRATIONS, migrationName } from '../../src/migrations.js';
import { httpFetch } from '../support/http.js';
import { createDatabase, type Database } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { startReadyService, startService } from '../support/service.js';
import { testDirectory } from '../support/test-directory.js';

const NAMES = MIGRATIONS.map(migrationName);

function migrate(command: string, databaseUrl: string, directory = '.') {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(directory, 'dist/database/migrate.js'), ...command.split(' ')],
    {
      env: { PATH: process.env.PATH, DATABASE_URL: databaseUrl },
      encoding: 'utf8',
      timeout: 30_000,
    },
  );
  return { status, stdout, stderr: stderr.trim() };
}

/** A database without tables. */
async function createEmptyDatabase(): Promise<string> {
  const url = new URL(process.env.TEST_POSTGRES_URL ?? '');
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await query(url.href, `CREATE DATABASE ${name}`);
  url.pathname = name;
  return url.href;
}

async function applied(url: string): Promise<string[]> {
  const rows = await query<{ name: string }>(url, 'SELECT name FROM migrations ORDER BY id');
  return rows.map(({ name }) => name);
}

/** A copy of the built service in a directory of this name. */
function copyBuild(name: string): string {
  const directory = join(testDirectory(), randomUUID(), name);
  mkdirSync(directory, { recursive: true });
  cpSync('dist', join(directory, 'dist'), { recursive: true });
  cpSync('package.json', join(directory, 'package.json'));
  symlinkSync(resolve('node_modules'), join(directory, 'node_modules'));
  return directory;
}

describe('A build in a directory with special characters in its name', () => {
  const directory = copyBuild('farmlokal (1) [x] {y,z} *!(a)? #% +@');

  it('runs, shows and reverts its migrations, and starts', async () => {
    const url = await createEmptyDatabase();
    expect(migrate('run', url, directory)).toMatchObject({ status: 0, stderr: '' });
    expect(await applied(url)).toEqual(NAMES);
    const { stdout } = migrate('show', url, directory);
    for (const name of NAMES) expect(stdout).toMatch(new RegExp(`\\[X\\] \\d+ ${name}`));

    const service = await startReadyService({ DATABASE_URL: url }, [
      join(directory, 'dist/main.js'),
    ]);
    await service.stop();

    expect(migrate('revert', url, directory)).toMatchObject({ status: 0, stderr: '' });
    expect(await applied(url)).toEqual(NAMES.slice(0, -1));
  });

  it("also runs its migrations with TypeORM's command line", async () => {
    const url = await createEmptyDatabase();
    const { status } = spawnSync(
      process.execPath,
      [
        'node_modules/typeorm/cli.js',
        'migration:run',
        '--dataSource',
        'dist/database/cli.data-source.js',
      ],
      { cwd: directory, env: { DATABASE_URL: url }, timeout: 30_000 },
    );
    expect(status).toBe(0);
    expect(await applied(url)).toEqual(NAMES);
  });
});

describe('A build that lacks migrations', () => {
  let directory: string;
  let url: string;

  beforeAll(async () => {
    directory = copyBuild('farmlokal');
    renameSync(join(directory, 'dist/migrations'), join(directory, 'elsewhere'));
    url = await createEmptyDatabase();
  });

  it.each(['run', 'revert', 'show'])('fails to %s and names the missing migrations', (command) => {
    expect(migrate(command, url, directory)).toEqual({
      status: 1,
      stdout: '',
      stderr: `This build lacks the migrations ${MIGRATIONS.join(', ')}. Build it again: npm run build.`,
    });
  });

  it('is not ready on an empty database', async () => {
    const service = await startService({ DATABASE_URL: url }, [join(directory, 'dist/main.js')]);
    await eventually(() =>
      Promise.resolve(
        service.logs().includes(`Waiting for migrations: ${NAMES.join(', ')}`) || undefined,
      ),
    );
    expect((await httpFetch(`${service.url}/health/ready`)).status).toBe(503);
    await service.stop();
  });

  it('fails on a migration file that the list does not have', () => {
    const other = copyBuild('farmlokal');
    cpSync(
      join(other, `dist/migrations/${MIGRATIONS[0] ?? ''}.js`),
      join(other, 'dist/migrations/1999999999999-unlisted.js'),
    );
    expect(migrate('run', url, other)).toEqual({
      status: 1,
      stdout: '',
      stderr: 'src/migrations.ts does not list 1999999999999-unlisted.',
    });
  });
});

describe('A migration command that fails', () => {
  it.each([
    [
      'postgresql://u:hunter2@127.0.0.1:1/farm',
      /^Cannot connect to PostgreSQL at 127\.0\.0\.1:1, database farm: the connection was refused \(ECONNREFUSED\)\.$/,
    ],
    [
      'postgresql://u:hunter2@no-such-host.invalid/farm',
      /^Cannot connect to PostgreSQL at no-such-host\.invalid:5432, database farm: the host name .* \((ENOTFOUND|EAI_AGAIN)\)\.$/,
    ],
    [
      'postgresql:///farm?host=/none',
      /^Cannot connect to PostgreSQL at \/none\/\.s\.PGSQL\.5432, database farm: there is no such socket \(ENOENT\)\.$/,
    ],
    [
      'postgresql://u:hunter2@h1,h2/farm',
      /^The environment is not valid:\n {2}DATABASE_URL: .*several hosts are not supported/,
    ],
  ])('on %s explains the failure in one line', (url, reason) => {
    const { status, stdout, stderr } = migrate('run', url);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(reason);
    expect(stderr).not.toContain('hunter2');
  });

  it.each([
    [
      'the password',
      (url: URL) => (url.password = 'wrong'),
      'password authentication failed for user "farmlokal" (28P01)',
    ],
    [
      'the database',
      (url: URL) => (url.pathname = 'nowhere'),
      'database "nowhere" does not exist (3D000)',
    ],
  ])('because of %s shows the message of the server', (_what, change, reason) => {
    const url = new URL(process.env.TEST_POSTGRES_URL ?? '');
    change(url);
    expect(migrate('run', url.href)).toEqual({
      status: 1,
      stdout: '',
      stderr: `Cannot connect to PostgreSQL at ${url.host}, database ${url.pathname.slice(1)}: ${reason}.`,
    });
  });

  it('on a statement shows the message of the server', async () => {
    const url = await createEmptyDatabase();
    await query(url, 'CREATE TABLE products (id int)');
    const { status, stderr } = migrate('run', url);
    expect(status).toBe(1);
    expect(stderr).toBe('The migrations failed: relation "products" already exists (42P07).');
  });

  it.each(['', 'all', 'run now'])('shows the usage for %j', (command) => {
    expect(migrate(command, 'postgresql://h/d')).toMatchObject({
      status: 1,
      stderr: 'Usage: migrate run|revert|show',
    });
  });
});

describe('Concurrent migrations of one database', () => {
  let database: Database;
  let sources: MigrationDataSource[];

  beforeEach(async () => {
    sources = [];
    database = await createDatabase();
  });

  afterEach(async () => {
    await Promise.all(sources.map((source) => source.destroy()));
    await database.drop();
  });

  async function sourceOf(migration: new () => MigrationInterface): Promise<MigrationDataSource> {
    const source = new MigrationDataSource({
      ...dataSourceOptions(database.url, { poolMax: 1 }),
      migrations: [migration],
    });
    sources.push(source);
    await source.initialize();
    return source;
  }

  /** Waits until the holder of the advisory lock runs its migration. */
  async function started(): Promise<number> {
    return await eventually(async () => {
      const [holder] = await database.query<{ pid: number }>(
        `SELECT pid FROM pg_stat_activity
         WHERE datname = current_database() AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()`,
      );
      return holder?.pid;
    });
  }

  class Slow1900000000000 implements MigrationInterface {
    async up(runner: QueryRunner): Promise<void> {
      await runner.query('SELECT pg_sleep(2)');
      await runner.query('CREATE TABLE once (id int)');
    }

    async down(runner: QueryRunner): Promise<void> {
      await runner.query('DROP TABLE once');
    }
  }

  it('are run by one process while another waits', async () => {
    const [one, other] = [await sourceOf(Slow1900000000000), await sourceOf(Slow1900000000000)];
    const first = one.runMigrations();
    await started();
    const second = other.runMigrations();
    expect((await first).map(({ name }) => name)).toEqual(['Slow1900000000000']);
    expect(await second).toEqual([]);
  });

  it('are run by the next process when one dies', async () => {
    const [one, other] = [await sourceOf(Slow1900000000000), await sourceOf(Slow1900000000000)];
    const first = one.runMigrations().catch((error: unknown) => error);
    const pid = await started();
    const second = other.runMigrations();
    await database.query('SELECT pg_terminate_backend($1)', [pid]);
    expect(await first).toMatchObject({ code: '57P01' });
    expect((await second).map(({ name }) => name)).toEqual(['Slow1900000000000']);
  });

  it('fail on a table that stays locked, and can be run again', async () => {
    class Alter1900000000000 implements MigrationInterface {
      async up(runner: QueryRunner): Promise<void> {
        await runner.query('ALTER TABLE products ADD COLUMN extra int');
      }

      async down(runner: QueryRunner): Promise<void> {
        await runner.query('ALTER TABLE products DROP COLUMN extra');
      }
    }
    const source = await sourceOf(Alter1900000000000);
    const reader = await sourceOf(Slow1900000000000);
    const runner = reader.createQueryRunner();
    await runner.startTransaction();
    await runner.query('SELECT FROM products');
    await expect(source.runMigrations()).rejects.toMatchObject({ code: '55P03' });
    await runner.rollbackTransaction();
    await runner.release();
    expect(await source.runMigrations()).toHaveLength(1);
    await source.undoLastMigration();
  });

  describe('that build an index concurrently', () => {
    const INDEX = { name: 'products_unique_name', on: 'products (name)', unique: true };

    class Index1900000000000 implements MigrationInterface {
      readonly transaction = false;

      async up(runner: QueryRunner): Promise<void> {
        await createIndexConcurrently(runner, INDEX);
      }

      async down(runner: QueryRunner): Promise<void> {
        await runner.query('DROP INDEX products_unique_name');
      }
    }

    async function isValid(): Promise<unknown> {
      const [index] = await database.query(
        'SELECT indisvalid AS valid FROM pg_index WHERE indexrelid = to_regclass($1)',
        [INDEX.name],
      );
      return index?.valid;
    }

    async function insert(...names: string[]): Promise<void> {
      await database.query(
        `INSERT INTO products (sku, name, description, category, price, currency, unit, producer)
         SELECT 'sku-' || n, name, '', 'c', 1, 'INR', 'kg', 'p'
         FROM unnest($1::text[]) WITH ORDINALITY AS row (name, n)`,
        [names],
      );
    }

    it('wait for an older transaction, while another process waits for them', async () => {
      const [one, other] = [await sourceOf(Index1900000000000), await sourceOf(Index1900000000000)];
      const runner = (await sourceOf(Slow1900000000000)).createQueryRunner();
      await runner.startTransaction('REPEATABLE READ');
      await runner.query('SELECT FROM products');
      const runs = Promise.all([one.runMigrations(), other.runMigrations()]);
      await eventually(async () => ((await isValid()) === false ? true : undefined));
      await runner.commitTransaction();
      await runner.release();
      expect((await runs).map((migrations) => migrations.length).sort()).toEqual([0, 1]);
      expect(await isValid()).toBe(true);
      await one.undoLastMigration();
      expect(await isValid()).toBeUndefined();
    });

    it('drop the invalid index when they fail', async () => {
      await insert('Okra', 'Okra');
      const source = await sourceOf(Index1900000000000);
      await expect(source.runMigrations()).rejects.toMatchObject({ code: '23505' });
      expect(await isValid()).toBeUndefined();
      await database.query(`UPDATE products SET name = sku`);
      expect(await source.runMigrations()).toHaveLength(1);
      expect(await isValid()).toBe(true);
    });

    it('replace the invalid index of a process that died', async () => {
      await insert('Okra', 'Okra');
      await expect(
        database.query('CREATE UNIQUE INDEX CONCURRENTLY products_unique_name ON products (name)'),
      ).rejects.toMatchObject({ code: '23505' });
      expect(await isValid()).toBe(false);
      await database.query(`DELETE FROM products WHERE sku = 'sku-2'`);
      const source = await sourceOf(Index1900000000000);
      expect(await source.runMigrations()).toHaveLength(1);
      expect(await isValid()).toBe(true);
    });
  });
});
