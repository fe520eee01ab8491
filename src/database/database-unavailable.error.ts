/** PostgreSQL cannot answer for now. The message is a sentence that clients may see; the cause is only for the log. */
export class DatabaseUnavailableError extends Error {
  override readonly name = DatabaseUnavailableError.name;
}
