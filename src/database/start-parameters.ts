import pg from 'pg';
import type { DataSource } from 'typeorm';

/** Classes of SQLSTATE with other causes: authentication, unknown database, resources, a server that starts or stops. */
const OTHER_CAUSES = /^(28|3D|53|57)/;

/**
 * Connects. When the server refuses `statement_timeout` as a start parameter, connects again without it. Poolers refuse
 * it with different SQLSTATEs: PgBouncer with 08P01, managed proxies with 0A000 or 22023.
 *
 * @returns the refusal, or undefined.
 */
export async function initializeDespiteRefusal(
  dataSource: DataSource,
): Promise<pg.DatabaseError | undefined> {
  try {
    await dataSource.initialize();
    return undefined;
  } catch (error) {
    const { statement_timeout, ...accepted } = extraOf(dataSource);
    if (statement_timeout === undefined || !isRefusal(error)) {
      throw error;
    }
    try {
      await dataSource.setOptions({ extra: accepted }).initialize();
    } catch (other) {
      // The parameter was not the cause, so the next attempt sends it again.
      dataSource.setOptions({ extra: { ...accepted, statement_timeout } });
      throw other;
    }
    return error;
  }
}

function isRefusal(error: unknown): error is pg.DatabaseError {
  return (
    error instanceof pg.DatabaseError &&
    (!OTHER_CAUSES.test(error.code ?? '') || error.message.includes('statement_timeout'))
  );
}

function extraOf({ options }: DataSource): pg.PoolConfig {
  return options.extra as pg.PoolConfig;
}
