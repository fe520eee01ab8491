import { Logger } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { AddressInfo } from 'node:net';

import { Environment } from './config/environment.js';
import { InvalidEnvironmentError } from './config/invalid-environment.error.js';
import { urlHost } from './http/url-host.js';
import { createApp } from './server/create-app.js';

/**
 * Connections that the kernel queues until they are accepted. When the queue is full, clients retry for seconds. The
 * kernel limits the queue to net.core.somaxconn.
 */
const BACKLOG = 4096;
/** Errors of an address that cannot be listened on. */
const LISTEN_ERRORS = new Set(['EADDRINUSE', 'EADDRNOTAVAIL', 'EACCES', 'ENOTFOUND', 'EAI_AGAIN']);

// On SIGTERM and SIGINT the app closes; Readiness (health/readiness.ts) first drains it.
try {
  const app = await createApp();
  const { HOST, PORT } = app.get(Environment);
  await app.listen({ port: PORT, host: HOST, backlog: BACKLOG });
  const logger = new Logger('main');
  logger.log(`Listening on ${boundAddresses(app).join(', ')}.`);
  // Runs before the logger's own listener, which writes the last lines.
  process.prependOnceListener('exit', (code) => {
    logger.log(`Stopped: exit code ${code}.`);
  });
} catch (error) {
  process.stderr.write(`${describeStartError(error)}\n`);
  process.exit(1);
}

/** The bound addresses. Nest's `getUrl` shows loopback instead of all interfaces. */
function boundAddresses(app: NestFastifyApplication): string[] {
  const bound = app.getHttpAdapter().getInstance().addresses() as AddressInfo[];
  return bound.map(({ address, port }) => `${urlHost(address)}:${port}`);
}

/** Describes an operator's mistake in a sentence, and any other error by its stack. */
function describeStartError(error: unknown): string {
  if (error instanceof InvalidEnvironmentError) {
    return error.message;
  }
  const { code } = error as NodeJS.ErrnoException;
  if (code !== undefined && LISTEN_ERRORS.has(code)) {
    return `Cannot listen on HOST and PORT: ${(error as Error).message}.`;
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
