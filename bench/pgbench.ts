import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { findExecutable } from './executable.js';
import type { Testbed } from './testbed.js';

/** PostgreSQL's own load generator, with a transaction for each event, as the service would make of one alone. */
export class Pgbench {
  private constructor(
    private readonly executable: string,
    private readonly url: string,
    private readonly connections: number,
  ) {}

  /** @throws TestbedError when there is none on this machine. */
  static find({ databaseUrl }: Testbed, connections: number): Pgbench {
    const executable = findExecutable('pgbench', 'postgresql-15');
    return new Pgbench(executable, databaseUrl, connections);
  }

  /** Transactions a second. */
  async run(seconds: number): Promise<number> {
    const directory = mkdtempSync(join(tmpdir(), 'pgbench-'));
    const script = join(directory, 'event.sql');
    writeFileSync(script, SCRIPT);
    const connections = String(this.connections);
    const { stdout } = await promisify(execFile)(
      this.executable,
      ['-n', '-M', 'prepared', '-c', connections, '-T', String(seconds), '-f', script, this.url],
      { timeout: (seconds + 30) * 1000 },
    );
    rmSync(directory, { recursive: true });
    return Math.round(Number(/tps = ([\d.]+)/.exec(stdout)?.[1]));
  }
}

/** One event, recorded and applied as the service does it, in the fewest words that PostgreSQL takes for that. */
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
