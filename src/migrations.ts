/**
 * The migrations of this build in order: the files of `migrations/` without their extension. The service starts when all
 * of them are applied. It reads only this list, not the files.
 */
export const MIGRATIONS: readonly string[] = [
  '1795300000000-create-products',
  '1795390000000-create-webhook-events',
];

/** The name that TypeORM records for a migration: its class, such as `CreateProducts1795300000000`. */
export function migrationName(file: string): string {
  const [timestamp = '', ...words] = file.split('-');
  return words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('') + timestamp;
}
