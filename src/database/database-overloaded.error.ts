/** PostgreSQL answers, but this process has more statements than its connections can run in time. */
export class DatabaseOverloadedError extends Error {
  override readonly name = DatabaseOverloadedError.name;
}
