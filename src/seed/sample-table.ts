import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Client, type ClientConfig } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';

import { COPY_COLUMNS, copyLine } from './copy-line.js';
import { rowOfSampleSku, SAMPLE_SKU_PATTERN, sampleProduct, sampleSku } from './sample-product.js';

/** Key of the advisory lock under which a batch finds its place; nothing else may take it. */
const SEED_LOCK = 7_203_115_204;

/** Characters in a buffer on its way to the database; only a few of them exist at a time. */
const CHUNK_CHARACTERS = 64 * 1024;

/** Which rows a batch takes: those after the last one in the table, and after `after`. */
export interface BatchRequest {
  /** The row up to which the caller knows the table to be loaded. */
  readonly after: number;
  /** Rows in the batch at most. */
  readonly size: number;
  /** The last row of all. */
  readonly count: number;
}

/** What a batch came to. */
export interface BatchResult {
  /** The row up to which the table is loaded now. */
  readonly rows: number;
  /** Rows that the batch committed. */
  readonly added: number;
}

/** Table `products` seen as a place for sample products, over a connection of its own. */
export class SampleTable {
  private committing = false;

  private constructor(
    private readonly client: Client,
    private readonly currency: string,
  ) {}

  /** @param currency the one in which the appended products are priced. */
  static async connect(connection: ClientConfig, currency: string): Promise<SampleTable> {
    const client = new Client(connection);
    // A connection that is lost between two statements fails the next one; that is soon enough.
    client.on('error', () => undefined);
    await client.connect();
    return new SampleTable(client, currency);
  }

  /**
   * Appends the next rows in one transaction, or finds that there are none to append. After a failure
   * the connection is of no more use.
   *
   * @param onProgress takes the rows reached with each buffer, before they are committed
   */
  async appendBatch(
    { after, size, count }: BatchRequest,
    onProgress: (rows: number) => void,
  ): Promise<BatchResult> {
    const { client } = this;
    // The lock ends with the transaction, so it holds behind a transaction-pooling proxy as well. Only a
    // later statement of a READ COMMITTED transaction is sure to see what the lock's last owner committed.
    await client.query(
      `BEGIN ISOLATION LEVEL READ COMMITTED;
       SET LOCAL statement_timeout = 0;
       SELECT pg_advisory_xact_lock(${SEED_LOCK})`,
    );
    const rows = Math.max(after, await this.lastRow());
    if (rows >= count) {
      await client.query('ROLLBACK');
      return { rows, added: 0 };
    }
    const last = Math.min(rows + size, count);
    const taken = await this.takenSkus(rows + 1, last);
    onProgress(rows);
    const copy = client.query(copyFrom(`COPY products (${COPY_COLUMNS}) FROM STDIN`));
    await pipeline(
      Readable.from(this.copyChunks(rows + 1, last, taken, onProgress), { highWaterMark: 2 }),
      copy,
    );
    this.committing = true;
    await client.query('COMMIT');
    this.committing = false;
    return { rows: last, added: copy.rowCount };
  }

  /**
   * Lets the planner know of the rows (ANALYZE) and index-only scans trust the pages (VACUUM).
   *
   * @returns what kept the server from doing so, such as a role that does not own the table
   */
  async refreshStatistics(): Promise<readonly string[]> {
    const faults = new Set<string>();
    const take = ({ message }: { message?: string | undefined }): void => {
      faults.add(message ?? 'no reason given');
    };
    // Missing privilege is a warning to PostgreSQL, not an error.
    this.client.on('notice', take);
    for (const statement of ['ANALYZE products', 'VACUUM products']) {
      await this.client.query(statement).catch(take);
    }
    this.client.off('notice', take);
    return [...faults];
  }

  /** Gives up the batch under way by ending the connection; a commit that was sent is waited for instead. */
  abort(): void {
    if (!this.committing) {
      void this.client.end();
    }
  }

  async close(): Promise<void> {
    await this.client.end();
  }

  /**
   * The highest row in the table, 0 without any. A product of someone else may bear a sku of our form:
   * ours is known by its time of creation, which no one else would hit to the microsecond.
   */
  private async lastRow(): Promise<number> {
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

  /** Skus of these rows that the table holds already: someone else's, or left over from a deletion. */
  private async takenSkus(first: number, last: number): Promise<ReadonlySet<string>> {
    const { rows } = await this.client.query<{ sku: string }>(
      'SELECT sku FROM products WHERE sku >= $1 AND sku <= $2',
      [sampleSku(first), sampleSku(last)],
    );
    return new Set(rows.map(({ sku }) => sku));
  }

  private *copyChunks(
    first: number,
    last: number,
    taken: ReadonlySet<string>,
    onProgress: (rows: number) => void,
  ): Generator<Buffer> {
    let lines = '';
    for (let row = first; row <= last; row++) {
      const product = sampleProduct(row);
      if (!taken.has(product.sku)) {
        lines += copyLine(product, this.currency);
      }
      if (lines.length >= CHUNK_CHARACTERS) {
        yield Buffer.from(lines);
        lines = '';
        onProgress(row);
      }
    }
    yield Buffer.from(lines);
    onProgress(last);
  }
}
