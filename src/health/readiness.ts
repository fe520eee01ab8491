import { type BeforeApplicationShutdown, Injectable, Logger } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import { Environment } from '../config/environment.js';
import { Database } from '../database/database.js';
import { WEBHOOK_DEADLINE_MS } from '../webhooks/webhooks.service.js';

/** How often connections that have had their answer are closed, while the server closes. */
const IDLE_CHECK_MS = 50;

/**
 * Within how many milliseconds whatever is being answered has been answered; not what was sent ahead behind it, whose
 * turn may never come.
 */
export function longestAnswerMs({
  DATABASE_STATEMENT_TIMEOUT_MS,
  INVENTORY_DEADLINE_MS,
}: Environment): number {
  return Math.max(DATABASE_STATEMENT_TIMEOUT_MS, INVENTORY_DEADLINE_MS, WEBHOOK_DEADLINE_MS) + 1000;
}

/**
 * Whether this replica should be sent requests: from the first connection to a migrated database until
 * it is told to stop. A database that fails later does not change it: all replicas share the database,
 * and without any of them stale pages would turn into nothing.
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

  /** Whether it was told to stop. */
  get draining(): boolean {
    return this.shuttingDown;
  }

  /** What stands in the way; undefined when nothing does. */
  get obstacle(): string | undefined {
    if (this.shuttingDown) return 'This replica is shutting down.';
    return this.database.startupBlocker;
  }

  /** Says not ready, and leaves balancers the time to notice before the server closes. */
  async beforeApplicationShutdown(signal = 'close'): Promise<void> {
    this.shuttingDown = true;
    const { SHUTDOWN_DELAY_MS } = this.environment;
    this.logger.log(
      `Shutting down: ${signal}. Requests are answered for another ${SHUTDOWN_DELAY_MS} ms.`,
    );
    const server = this.adapterHost.httpAdapter.getHttpServer() as Server;
    // Clients open their next connection elsewhere. One that is idle when the server closes can lose a request.
    server.prependListener('request', (_, response) => {
      response.setHeader('connection', 'close');
    });
    await sleep(SHUTDOWN_DELAY_MS);
    this.logger.log('Draining has ended. The server closes after the requests in flight.');
    // From here the server waits for what it is answering, but not for clients that keep their connection
    // after that, nor for those that never finish asking.
    setInterval(() => {
      server.closeIdleConnections();
    }, IDLE_CHECK_MS).unref();
    setTimeout(() => {
      server.closeAllConnections();
    }, longestAnswerMs(this.environment)).unref();
  }
}
