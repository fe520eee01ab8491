import type { Statement } from '../database/database.js';
import type { CatalogueEvent } from './catalogue-event.js';

/** An event with what its row needs. */
export interface ReceivedEvent {
  readonly id: string;
  /** SHA-256 of the raw body. */
  readonly digest: Buffer;
  readonly receivedAt: Date;
  readonly event: CatalogueEvent;
}

/** What became of an event. */
export interface Outcome {
  /** False: an event of this id was there before. */
  readonly recorded: boolean;
  /** Whether a product is another one now. */
  readonly changed: boolean;
}

/**
 * Records an event and applies it: one statement, and so one transaction and one round trip. An id that
 * is there already leaves everything as it is; one whose transaction is under way is waited for. Of two
 * changes of a product the higher revision stays, in whatever order they come.
 */
export function eventStatement({ id, digest, receivedAt, event }: ReceivedEvent): Statement {
  const { type, product } = event;
  const row = [id, type, digest, receivedAt];
  if (product === undefined) {
    return { text: IGNORE, values: row, prepared: true };
  }
  if (!('name' in product)) {
    return { text: DELETE, values: [...row, product.sku, product.revision], prepared: true };
  }
  const { sku, revision, name, description, category, price, currency, unit, producer } = product;
  const { latitude = null, longitude = null } = product;
  const columns = [name, description, category, price, currency, unit, producer];
  return {
    text: UPSERT,
    values: [...row, sku, revision, ...columns, latitude, longitude],
    prepared: true,
  };
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

function recording(status: 'processed' | 'ignored'): string {
  return `
    INSERT INTO webhook_events (id, type, digest, status, received_at, processed_at)
    VALUES ($1, $2, $3, '${status}', $4, clock_timestamp())
    ON CONFLICT (id) DO NOTHING
    RETURNING id`;
}

const IGNORE = `
  WITH event AS (${recording('ignored')})
  SELECT EXISTS (SELECT FROM event) AS recorded, false AS changed`;

function applying(change: string): string {
  return `
  WITH event AS (${recording('processed')}),
  change AS (${change}
    WHERE p.revision < EXCLUDED.revision
    RETURNING id)
  SELECT EXISTS (SELECT FROM event) AS recorded, EXISTS (SELECT FROM change) AS changed`;
}

/** What had only a tombstone is created now; what was deleted comes back as it was created. */
const UPSERT = applying(`
    INSERT INTO products AS p (sku, revision, name, description, category, price, currency, unit,
      producer, latitude, longitude)
    SELECT $5, $6::bigint, $7, $8, $9, $10::numeric, $11, $12, $13, $14::float8, $15::float8 FROM event
    ON CONFLICT (sku) DO UPDATE SET
      revision = EXCLUDED.revision, name = EXCLUDED.name, description = EXCLUDED.description,
      category = EXCLUDED.category, price = EXCLUDED.price, currency = EXCLUDED.currency,
      unit = EXCLUDED.unit, producer = EXCLUDED.producer, latitude = EXCLUDED.latitude,
      longitude = EXCLUDED.longitude, updated_at = now(), deleted_at = NULL,
      created_at = CASE WHEN p.name IS NULL THEN now() ELSE p.created_at END`);

const DELETE = applying(`
    INSERT INTO products AS p (sku, revision, deleted_at)
    SELECT $5, $6::bigint, now() FROM event
    ON CONFLICT (sku) DO UPDATE SET
      revision = EXCLUDED.revision, updated_at = now(), deleted_at = coalesce(p.deleted_at, now())`);
