/**
 * The migrations of this build in order, as files of `migrations/` without their ending. The service waits until all of
 * them are applied, also when the files are missing; a spec compares the list with the directory.
 */
export const MIGRATIONS: readonly string[] = [
  '1795300000000-create-products',
  '1795390000000-create-webhook-events',
];

/** The name under which TypeORM records a migration: that of its class, `CreateProducts1795300000000`. */
export function migrationName(file: string): string {
  const [timestamp = '', ...words] = file.split('-');
  return words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('') + timestamp;
}
