import type { Statement } from '../database/statement.js';
import type { CatalogEvent } from './catalog-event.js';

/** An event as it is recorded. */
export interface ReceivedEvent {
  readonly id: string;
  /** SHA-256 of the raw body. */
  readonly digest: Buffer;
  readonly receivedAt: Date;
  readonly event: CatalogEvent;
}

/** A row that {@link recordStatement} returns: an event that was not recorded before. */
export interface RecordedEvent {
  readonly id: string;
  /** Whether any event of the statement changed a product; the same in every row. */
  readonly changed: boolean;
}

/**
 * Records events and applies them in one statement, and so in one transaction and one round trip. An id that is
 * recorded already has no effect. Among several revisions of a product the highest wins, in any order of arrival.
 *
 * @param events with distinct ids.
 * @param lockTimeoutMs how long to wait for each lock of another transaction.
 */
export function recordStatement(
  events: readonly ReceivedEvent[],
  lockTimeoutMs: number,
): Statement {
  const rows = events.map(({ id, digest, receivedAt, event: { type, product } }) =>
    Object.assign({ id, type, digest: digest.toString('hex'), received_at: receivedAt }, product),
  );
  return { text: RECORD, values: [JSON.stringify(rows), lockTimeoutMs], prepared: true };
}

/** The row that {@link findStatement} returns. */
export interface StoredEvent {
  /** SHA-256 of the raw body. */
  readonly digest: Buffer;
  /** Milliseconds since the event was processed. */
  readonly ageMs: number;
}

/** Finds a recorded event by its id. */
export function findStatement(id: string): Statement {
  return {
    text: `
      SELECT digest,
        (extract(epoch FROM clock_timestamp() - processed_at) * 1000)::float8 AS "ageMs"
      FROM webhook_events WHERE id = $1`,
    values: [id],
    prepared: true,
  };
}

/** The columns that an upsert sets and a deletion keeps. */
const UPSERTED_COLUMNS = [
  'name',
  'description',
  'category',
  'price',
  'currency',
  'unit',
  'producer',
  'latitude',
  'longitude',
];

/**
 * Concurrent statements cannot deadlock: each locks event ids in order, and then skus in order. `applicable` is
 * materialized so that all events are inserted before the first product is locked.
 *
 * An upsert sets `created_at` for a product that the table knows only by a deletion (`name` is null), else keeps it.
 */
const RECORD = `
  WITH settings AS MATERIALIZED (
    SELECT set_config('lock_timeout', $2, true)
  ), given AS (
    SELECT event.* FROM settings, json_to_recordset($1) AS event (
      id text, type text, digest text, received_at timestamptz, sku text, revision bigint,
      name text, description text, category text, price numeric, currency text, unit text,
      producer text, latitude float8, longitude float8
    )
  ), event AS (
    INSERT INTO webhook_events (id, type, digest, status, received_at, processed_at)
    SELECT id, type, decode(digest, 'hex'),
      CASE WHEN sku IS NULL THEN 'ignored' ELSE 'processed' END, received_at, clock_timestamp()
    FROM given
    ORDER BY id
    ON CONFLICT (id) DO NOTHING
    RETURNING id
  ), applicable AS MATERIALIZED (
    SELECT given.* FROM given JOIN event USING (id) WHERE sku IS NOT NULL
  ), change AS (
    INSERT INTO products AS p (sku, revision, ${UPSERTED_COLUMNS.join(', ')}, deleted_at)
    SELECT DISTINCT ON (sku) sku, revision, ${UPSERTED_COLUMNS.join(', ')},
      CASE type WHEN 'product.deleted' THEN now() END
    FROM applicable
    ORDER BY sku, revision DESC, id
    ON CONFLICT (sku) DO UPDATE SET
      revision = EXCLUDED.revision,
      ${UPSERTED_COLUMNS.map((column) => `${column} = ${ifUpserted(`EXCLUDED.${column}`, `p.${column}`)}`).join(', ')},
      created_at = ${ifUpserted('CASE WHEN p.name IS NULL THEN now() ELSE p.created_at END', 'p.created_at')},
      updated_at = now(),
      deleted_at = ${ifUpserted('NULL', 'coalesce(p.deleted_at, now())')}
    WHERE p.revision < EXCLUDED.revision
    RETURNING id
  )
  SELECT id, EXISTS (SELECT FROM change) AS changed FROM event`;

function ifUpserted(value: string, otherwise: string): string {
  return `CASE WHEN EXCLUDED.deleted_at IS NULL THEN ${value} ELSE ${otherwise} END`;
}
