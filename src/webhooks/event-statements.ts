import type { Statement } from '../database/statement.js';
import type { CatalogEvent } from './catalog-event.js';

/** An event with what its row needs. */
export interface ReceivedEvent {
  readonly id: string;
  /** SHA-256 of the raw body. */
  readonly digest: Buffer;
  readonly receivedAt: Date;
  readonly event: CatalogEvent;
}

/** An event that was not there before, and is now. */
export interface RecordedEvent {
  readonly id: string;
  /** Whether a product is another one now, by this event or one beside it. */
  readonly changed: boolean;
}

/**
 * Records events and applies them: one statement, and so one transaction and one round trip, however many
 * they are. Gives those that it has recorded. An id that is there already leaves everything as it is; one
 * whose transaction is under way is waited for. Of several changes of a product the highest
 * revision stays, in whatever order they come.
 *
 * @param events each of another id.
 * @param patienceMs how long another transaction may be in the way.
 */
export function eventsStatement(events: readonly ReceivedEvent[], patienceMs: number): Statement {
  const rows = events.map(({ id, digest, receivedAt, event: { type, product } }) =>
    Object.assign({ id, type, digest: digest.toString('hex'), received_at: receivedAt }, product),
  );
  return { text: RECORD, values: [JSON.stringify(rows), patienceMs], prepared: true };
}

/** The event that was taken under an id. */
export interface TakenEvent {
  /** SHA-256 of its raw body. */
  readonly digest: Buffer;
  /** Milliseconds since it was processed. */
  readonly ageMs: number;
}

/** Finds the {@link TakenEvent} of an id. */
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

/** What an upsert tells of a product, and a deletion leaves as it is. */
const TOLD = [
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
 * Ids are locked first and then products, each in their order, so that two of these never wait for each
 * other: all events are in before the first product is looked at, for which `applicable` is materialized.
 *
 * What had only a tombstone is created now; what was deleted comes back as it was created.
 */
const RECORD = `
  WITH patience AS MATERIALIZED (
    SELECT set_config('lock_timeout', $2, true)
  ), given AS (
    SELECT event.* FROM patience, json_to_recordset($1) AS event (
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
    INSERT INTO products AS p (sku, revision, ${TOLD.join(', ')}, deleted_at)
    SELECT DISTINCT ON (sku) sku, revision, ${TOLD.join(', ')},
      CASE type WHEN 'product.deleted' THEN now() END
    FROM applicable
    ORDER BY sku, revision DESC, id
    ON CONFLICT (sku) DO UPDATE SET
      revision = EXCLUDED.revision,
      ${TOLD.map((column) => `${column} = ${unlessDeleted(`EXCLUDED.${column}`, `p.${column}`)}`).join(', ')},
      created_at = ${unlessDeleted('CASE WHEN p.name IS NULL THEN now() ELSE p.created_at END', 'p.created_at')},
      updated_at = now(),
      deleted_at = ${unlessDeleted('NULL', 'coalesce(p.deleted_at, now())')}
    WHERE p.revision < EXCLUDED.revision
    RETURNING id
  )
  SELECT id, EXISTS (SELECT FROM change) AS changed FROM event`;

function unlessDeleted(upserted: string, deleted: string): string {
  return `CASE WHEN EXCLUDED.deleted_at IS NULL THEN ${upserted} ELSE ${deleted} END`;
}
