/** A connection URL that cannot be used. The message says why, and shows no secret. */
export class PostgresUrlError extends Error {
  override readonly name = PostgresUrlError.name;
}
