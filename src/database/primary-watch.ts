import { Logger } from '@nestjs/common';
import pg from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';

import { ConditionLog } from '../logging/condition-log.js';
import { exponentialBackoff } from '../resilience/exponential-backoff.js';
import type { ConnectionPool } from './connection-pool.js';

const PROBE_TIMEOUT_MS = 5000;
const PROBE_BACKOFF = { minMs: 100, maxMs: 5000 };

/**
 * Tracks whether the server accepts writes. After a failover the same address leads to another server. So after a refused
 * write, it opens new connections until one accepts writes, and then renews the pool.
 */
export class PrimaryWatch {
  private readonly refusal = new ConditionLog(new Logger(PrimaryWatch.name));

  /** @param signal ends the watch. */
  constructor(private readonly signal: AbortSignal) {}

  /** Whether a write was refused, and no server that accepts writes was found since. */
  get isReadOnly(): boolean {
    return this.refusal.active;
  }

  async onRefusedWrite(pool: ConnectionPool): Promise<void> {
    if (this.isReadOnly) {
      return;
    }
    this.refusal.warn('PostgreSQL is not the primary: it refuses writes (25006).');
    const { signal } = this;
    for (let attempt = 1; !(await this.acceptsWrites(pool)); attempt += 1) {
      const delay = exponentialBackoff(attempt, PROBE_BACKOFF);
      await sleep(delay, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) {
        return;
      }
    }
    pool.renew();
    this.refusal.clear('PostgreSQL accepts writes again.');
  }

  private async acceptsWrites(pool: ConnectionPool): Promise<boolean> {
    let client: pg.Client | undefined;
    try {
      // The pool makes its password non-enumerable.
      const { password } = pool.options;
      client = new pg.Client({ ...pool.options, password, query_timeout: PROBE_TIMEOUT_MS });
      // The statement in progress fails with the same error.
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
