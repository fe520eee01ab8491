import type { QueryRunner } from 'typeorm';

/** The parts of a CREATE INDEX statement. */
export interface Index {
  readonly name: string;
  /** Table, columns and condition: `products (price, id) WHERE deleted_at IS NULL`. */
  readonly on: string;
  readonly unique?: boolean;
}

/** Longest wait of the build for older transactions. It blocks no other session. */
const WAIT = '10min';

/**
 * Builds an index without blocking writes, for the `up` of a migration with `transaction = false`. `down` can use a plain
 * DROP INDEX. If the process dies, it leaves an invalid index that slows writes and serves no read. The next run of the
 * migration replaces the invalid index.
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
    // Ignores a second error, because the first one has the cause.
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
