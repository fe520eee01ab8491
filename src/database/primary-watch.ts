import { Logger } from '@nestjs/common';
import pg from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';

import type { ConnectionPool } from './connection-pool.js';

const PROBE_MIN_MS = 100;
const PROBE_MAX_MS = 5000;
const PROBE_TIMEOUT_MS = 5000;

/**
 * Whether the server takes writes. Once it has refused one, the watch connects anew until a server behind the same
 * address takes them, and moves the pool there: an address can lead to another server after a failover.
 */
export class PrimaryWatch {
  private readonly logger = new Logger(PrimaryWatch.name);
  private watching = false;

  /** @param signal ends the watch. */
  constructor(private readonly signal: AbortSignal) {}

  /** Whether a write was refused, and no server has been found since that takes them. */
  get lost(): boolean {
    return this.watching;
  }

  /** Starts the watch after a refused write. */
  async onRefusedWrite(pool: ConnectionPool): Promise<void> {
    if (this.watching) {
      return;
    }
    this.watching = true;
    this.logger.warn('PostgreSQL is not the primary: it refuses writes (25006).');
    for (let delay = PROBE_MIN_MS; !(await this.takesWrites(pool)); delay *= 2) {
      const pause = Math.min(delay, PROBE_MAX_MS);
      await sleep(pause, undefined, { signal: this.signal, ref: false }).catch(() => undefined);
      if (this.signal.aborted) {
        return;
      }
    }
    pool.renew();
    this.watching = false;
    this.logger.log('PostgreSQL takes writes again.');
  }

  private async takesWrites(pool: ConnectionPool): Promise<boolean> {
    let client: pg.Client | undefined;
    try {
      // The pool hides its password from being copied.
      const { password } = pool.options;
      client = new pg.Client({ ...pool.options, password, query_timeout: PROBE_TIMEOUT_MS });
      // What breaks the connection also fails the statement.
      client.on('error', () => undefined);
      await client.connect();
      const { rows } = await client.query<{ transaction_read_only: string }>(
        'SHOW transaction_read_only',
      );
      return rows[0]?.transaction_read_only === 'off';
    } catch {
      return false;
    } finally {
      void client?.end().catch(() => undefined);
    }
  }
}
