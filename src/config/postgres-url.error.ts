/** A connection URL cannot be used. The message gives the reason without secrets. */
export class PostgresUrlError extends Error {
  override readonly name = PostgresUrlError.name;
}
