import { type BeforeApplicationShutdown, Injectable, Logger } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import { Environment } from '../config/environment.js';
import { Database } from '../database/database.js';
import { WEBHOOK_DEADLINE_MS } from '../webhooks/webhooks.service.js';

/** Interval at which idle connections are closed while the server closes. */
const IDLE_CHECK_MS = 50;

/** Milliseconds after which every request in progress has its response. */
export function longestResponseMs({
  DATABASE_STATEMENT_TIMEOUT_MS,
  INVENTORY_DEADLINE_MS,
}: Environment): number {
  return Math.max(DATABASE_STATEMENT_TIMEOUT_MS, INVENTORY_DEADLINE_MS, WEBHOOK_DEADLINE_MS) + 1000;
}

/**
 * Whether to send requests to this replica: from its first connection to a migrated database until it shuts down. A
 * later outage of the database changes nothing: all replicas share the database, and without a ready replica clients
 * would not even get stale pages.
 */
@Injectable()
export class Readiness implements BeforeApplicationShutdown {
  private readonly logger = new Logger(Readiness.name);
  private shuttingDown = false;

  constructor(
    private readonly database: Database,
    private readonly environment: Environment,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  get isShuttingDown(): boolean {
    return this.shuttingDown;
  }

  /** Why this replica is not ready; undefined when it is. */
  get notReadyReason(): string | undefined {
    if (this.shuttingDown) return 'This replica is shutting down.';
    return this.database.startupBlocker;
  }

  /** Makes the replica not ready, then waits `SHUTDOWN_DELAY_MS`: load balancers notice before the server closes. */
  async beforeApplicationShutdown(signal = 'close'): Promise<void> {
    this.shuttingDown = true;
    const { SHUTDOWN_DELAY_MS } = this.environment;
    this.logger.log(
      `Shutting down: ${signal}. Requests are answered for another ${SHUTDOWN_DELAY_MS} ms.`,
    );
    const server = this.adapterHost.httpAdapter.getHttpServer() as Server;
    // Clients then reconnect, to another replica. A connection that is idle when the server closes can lose a request.
    server.prependListener('request', (_, response) => {
      response.setHeader('connection', 'close');
    });
    await sleep(SHUTDOWN_DELAY_MS);
    this.logger.log('Draining has ended. The server closes after the requests in flight.');
    // The server waits for requests in progress, not for connections that stay open after their response.
    setInterval(() => {
      server.closeIdleConnections();
    }, IDLE_CHECK_MS).unref();
    // Closes the connections of requests that never arrive completely.
    setTimeout(() => {
      server.closeAllConnections();
    }, longestResponseMs(this.environment)).unref();
  }
}
