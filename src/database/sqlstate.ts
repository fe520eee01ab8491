import pg from 'pg';

/** Data, integrity, rollback, syntax or access, lock not available. */
const QUERY_ERROR = /^(22|23|40|42|55P03)/;
/** Transaction rollback (serialization, deadlock), lock not available. */
const CONFLICT = /^(40|55P03)/;
const INSUFFICIENT_PRIVILEGE = '42501';
const UNDEFINED_TABLE = '42P01';
const READ_ONLY_SQL_TRANSACTION = '25006';
/** A statement name that the server does not know, or that it knows already. */
const LOST_STATEMENTS = new Set(['26000', '42P05']);

/**
 * The SQLSTATE that PostgreSQL sent with an error; empty for every other error.
 *
 * @see https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
function sqlState(error: unknown): string {
  return error instanceof pg.DatabaseError ? (error.code ?? '') : '';
}

/**
 * Whether an error is about the statement. A missing table or permission is not: it is a fault of the deployment, and
 * no statement can succeed.
 */
export function isQueryError(error: unknown): boolean {
  const code = sqlState(error);
  return QUERY_ERROR.test(code) && code !== INSUFFICIENT_PRIVILEGE && code !== UNDEFINED_TABLE;
}

/** Whether a statement failed only because of a conflict with another transaction. */
export function isConflict(error: unknown): boolean {
  return CONFLICT.test(sqlState(error));
}

/** Whether a write was refused because the server is a standby, or is set to read-only. */
export function isReadOnlyError(error: unknown): boolean {
  return sqlState(error) === READ_ONLY_SQL_TRANSACTION;
}

/** Whether a pooler sent a named statement to a server connection that lacks it, or that has it already. */
export function isLostStatement(error: unknown): boolean {
  return LOST_STATEMENTS.has(sqlState(error));
}

export function isUndefinedTable(error: unknown): boolean {
  return sqlState(error) === UNDEFINED_TABLE;
}

/** Whether a timeout of this process passed. A timeout of the server is a DatabaseError. */
export function isTimeout(error: unknown): boolean {
  return (
    error instanceof Error && !(error instanceof pg.DatabaseError) && /timeout/i.test(error.message)
  );
}
