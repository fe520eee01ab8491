import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { findExecutable } from '../../executable.js';
import type { Throughput } from '../../load/sender-process.js';
import { summarize } from '../../statistics.js';

/**
 * Runs PostgreSQL's own load generator, which writes one event in each transaction.
 *
 * @throws TestbedError when pgbench is not installed.
 */
export async function runPgbench(
  databaseUrl: string,
  connections: number,
  seconds: number,
): Promise<Throughput> {
  const executable = findExecutable('pgbench', 'postgresql-15');
  const directory = mkdtempSync(join(tmpdir(), 'pgbench-'));
  const script = join(directory, 'event.sql');
  writeFileSync(script, SCRIPT);
  const options = `-n -M prepared -c ${connections} -T ${seconds} -f`.split(' ');
  const { stdout } = await promisify(execFile)(executable, [...options, script, databaseUrl]);
  rmSync(directory, { recursive: true });
  return {
    perSecond: Number(/tps = ([\d.]+)/.exec(stdout)?.[1]),
    errors: 0,
    latency: summarize([]),
  };
}

/** Records and applies one event like the service, in the shortest statement that does so. */
const SCRIPT = `
\\set event random(1, 1000000000000000)
\\set product random(0, 1999)
\\set revision random(0, 9007199254740991)
WITH event AS (
  INSERT INTO webhook_events (id, type, digest, status, received_at, processed_at)
  VALUES ('pgbench-' || :event, 'product.upserted', decode(repeat('ab', 32), 'hex'), 'processed', now(),
    clock_timestamp())
  ON CONFLICT (id) DO NOTHING
  RETURNING id
), change AS (
  INSERT INTO products AS p (sku, revision, name, description, category, price, currency, unit, producer,
    latitude, longitude)
  SELECT 'BENCH-EVENT-' || :product, :revision::bigint, 'Okra', 'Picked this morning.', 'Vegetables',
    '49.50'::numeric, 'INR', 'kg', 'Asha Farm', NULL::float8, NULL::float8
  FROM event
  ON CONFLICT (sku) DO UPDATE SET
    revision = EXCLUDED.revision, name = EXCLUDED.name, description = EXCLUDED.description,
    category = EXCLUDED.category, price = EXCLUDED.price, currency = EXCLUDED.currency,
    unit = EXCLUDED.unit, producer = EXCLUDED.producer, latitude = EXCLUDED.latitude,
    longitude = EXCLUDED.longitude, updated_at = now(), deleted_at = NULL,
    created_at = CASE WHEN p.name IS NULL THEN now() ELSE p.created_at END
  WHERE p.revision < EXCLUDED.revision
  RETURNING id
)
SELECT EXISTS (SELECT FROM event) AS recorded, EXISTS (SELECT FROM change) AS changed;
`;
