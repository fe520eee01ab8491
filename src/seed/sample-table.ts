import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Client, type ClientConfig } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';

import { COPY_COLUMNS, copyLine } from './copy-line.js';
import { rowOfSampleSku, SAMPLE_SKU_PATTERN, sampleProduct, sampleSku } from './sample-product.js';

/** Key of the advisory lock that serializes batches. */
const SEED_LOCK = 7_203_115_204;

/** Characters sent to the database at a time. */
const CHUNK_LENGTH = 64 * 1024;

export interface BatchRequest {
  /** The batch starts after this row, or after the last sample row of the table if that is higher. */
  readonly after: number;
  /** Maximum number of rows in the batch. */
  readonly size: number;
  /** The batch ends at this row at the latest. */
  readonly count: number;
}

export interface BatchResult {
  /** The last sample row of the table. */
  readonly rows: number;
  /** Rows that the batch committed. */
  readonly added: number;
}

/** The sample products in table `products`, over a connection of its own. */
export class SampleTable {
  private committing = false;

  private constructor(
    private readonly client: Client,
    private readonly currency: string,
  ) {}

  /** @param currency of the products' prices. */
  static async connect(connection: ClientConfig, currency: string): Promise<SampleTable> {
    const client = new Client(connection);
    // After a lost connection the next statement fails, so this event needs no handling.
    client.on('error', () => undefined);
    await client.connect();
    return new SampleTable(client, currency);
  }

  /**
   * Appends the next rows in one transaction, or none when the table has them all. After a failure, close the
   * connection.
   *
   * @param onProgress receives the last row sent, before it is committed.
   */
  async appendBatch(
    { after, size, count }: BatchRequest,
    onProgress: (rows: number) => void,
  ): Promise<BatchResult> {
    const { client } = this;
    // A transaction-level lock works through a transaction pooler. In READ COMMITTED, the statements after the lock
    // see what its previous owner committed.
    await client.query(
      `BEGIN ISOLATION LEVEL READ COMMITTED;
       SET LOCAL statement_timeout = 0;
       SELECT pg_advisory_xact_lock(${SEED_LOCK})`,
    );
    const rows = Math.max(after, await this.findLastRow());
    if (rows >= count) {
      await client.query('ROLLBACK');
      return { rows, added: 0 };
    }
    const last = Math.min(rows + size, count);
    const existing = await this.findSkus(rows + 1, last);
    onProgress(rows);
    const copy = client.query(copyFrom(`COPY products (${COPY_COLUMNS}) FROM STDIN`));
    await pipeline(
      Readable.from(this.copyChunks(rows + 1, last, existing, onProgress), { highWaterMark: 2 }),
      copy,
    );
    this.committing = true;
    await client.query('COMMIT');
    this.committing = false;
    return { rows: last, added: copy.rowCount };
  }

  /**
   * Runs ANALYZE, for the query planner, and VACUUM, for index-only scans.
   *
   * @returns why one of them failed, for example because the role does not own the table.
   */
  async refreshStatistics(): Promise<readonly string[]> {
    const failures = new Set<string>();
    const addFailure = ({ message }: { message?: string | undefined }): void => {
      failures.add(message ?? 'no reason given');
    };
    // PostgreSQL reports a missing privilege as a notice.
    this.client.on('notice', addFailure);
    for (const statement of ['ANALYZE products', 'VACUUM products']) {
      await this.client.query(statement).catch(addFailure);
    }
    this.client.off('notice', addFailure);
    return [...failures];
  }

  /** Rolls back the batch in progress by closing the connection, unless its COMMIT is already sent. */
  abort(): void {
    if (!this.committing) {
      void this.client.end();
    }
  }

  async close(): Promise<void> {
    await this.client.end();
  }

  /**
   * The last sample row of the table, or 0. Another product can have a sku of the same form, so the creation time has
   * to match too.
   */
  private async findLastRow(): Promise<number> {
    let below = sampleSku(999_999_999);
    for (;;) {
      const { rows } = await this.client.query<{ sku: string; created: string }>(
        `SELECT sku, trunc(extract(epoch FROM created_at) * 1000000)::text AS created
         FROM products
         WHERE sku < $1 AND sku >= $2 AND sku ~ $3
         ORDER BY sku DESC
         LIMIT 1`,
        [below, sampleSku(0), SAMPLE_SKU_PATTERN],
      );
      const [candidate] = rows;
      if (candidate === undefined) {
        return 0;
      }
      const row = rowOfSampleSku(candidate.sku);
      if (sampleProduct(row).createdAt === Number(candidate.created)) {
        return row;
      }
      below = candidate.sku;
    }
  }

  /** The skus of these rows that the table has already, for example because another product uses one. */
  private async findSkus(first: number, last: number): Promise<ReadonlySet<string>> {
    const { rows } = await this.client.query<{ sku: string }>(
      'SELECT sku FROM products WHERE sku >= $1 AND sku <= $2',
      [sampleSku(first), sampleSku(last)],
    );
    return new Set(rows.map(({ sku }) => sku));
  }

  private *copyChunks(
    first: number,
    last: number,
    existing: ReadonlySet<string>,
    onProgress: (rows: number) => void,
  ): Generator<Buffer> {
    let lines = '';
    for (let row = first; row <= last; row++) {
      const product = sampleProduct(row);
      if (!existing.has(product.sku)) {
        lines += copyLine(product, this.currency);
      }
      if (lines.length >= CHUNK_LENGTH) {
        yield Buffer.from(lines);
        lines = '';
        onProgress(row);
      }
    }
    yield Buffer.from(lines);
    onProgress(last);
  }
}
