import type { QueryRunner } from 'typeorm';

/** An index, in the words of CREATE INDEX. */
export interface Index {
  readonly name: string;
  /** Table, columns and condition: `products (price, id) WHERE deleted_at IS NULL`. */
  readonly on: string;
  readonly unique?: boolean;
}

/** How long the build may wait for older transactions. It blocks nobody meanwhile. */
const WAIT = '10min';

/**
 * Builds an index without blocking writes, for the `up` of a migration with `transaction = false`; `down` can use
 * a plain DROP INDEX. An attempt that dies with its process leaves an index that is invalid: it slows writes and
 * serves no read. The next run of the migration replaces it.
 */
export async function createIndexConcurrently(
  runner: QueryRunner,
  { name, on, unique = false }: Index,
): Promise<void> {
  await dropIfInvalid(runner, name);
  const [{ lock_timeout: before }] = (await runner.query('SHOW lock_timeout')) as [
    { lock_timeout: string },
  ];
  await runner.query(`SET lock_timeout = '${WAIT}'`);
  try {
    await runner.query(
      `CREATE ${unique ? 'UNIQUE ' : ''}INDEX CONCURRENTLY IF NOT EXISTS ${name} ON ${on}`,
    );
  } catch (error) {
    // Best effort: the error that is thrown says more than another one.
    await dropIfInvalid(runner, name).catch(() => undefined);
    throw error;
  } finally {
    await runner.query(`SET lock_timeout = '${before}'`).catch(() => undefined);
  }
}

async function dropIfInvalid(runner: QueryRunner, name: string): Promise<void> {
  const invalid = (await runner.query(
    'SELECT FROM pg_index WHERE indexrelid = to_regclass($1) AND NOT indisvalid',
    [name],
  )) as unknown[];
  if (invalid.length > 0) {
    await runner.query(`DROP INDEX CONCURRENTLY IF EXISTS ${name}`);
  }
}
