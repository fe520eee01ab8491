import { Logger } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { AddressInfo } from 'node:net';

import { createApp } from './server/create-app.js';
import { Environment } from './config/environment.js';
import { InvalidEnvironmentError } from './config/invalid-environment.error.js';
import { urlHost } from './http/url-host.js';

/**
 * Connections that the kernel may hold until they are accepted. Beyond it, clients of a burst send again and again, for
 * seconds. The kernel takes no more than net.core.somaxconn.
 */
const BACKLOG = 4096;
/** What can be wrong with the address to listen on. */
const UNLISTENABLE = new Set(['EADDRINUSE', 'EADDRNOTAVAIL', 'EACCES', 'ENOTFOUND', 'EAI_AGAIN']);

try {
  const app = await createApp();
  const { HOST, PORT } = app.get(Environment);
  await app.listen({ port: PORT, host: HOST, backlog: BACKLOG });
  const logger = new Logger('main');
  logger.log(`Listening on ${boundAddresses(app).join(', ')}.`);
  // Before the listener with which the log writes its last lines.
  process.prependOnceListener('exit', (code) => {
    logger.log(`Stopped: exit code ${code}.`);
  });
} catch (error) {
  process.stderr.write(`${explain(error)}\n`);
  process.exit(1);
}

/** The addresses as they are bound. Nest's `getUrl` shows loopback for all interfaces. */
function boundAddresses(app: NestFastifyApplication): string[] {
  const bound = app.getHttpAdapter().getInstance().addresses() as AddressInfo[];
  return bound.map(({ address, port }) => `${urlHost(address)}:${port}`);
}

/** A start that fails for a reason of the operator's is told in words, not in a stack. */
function explain(error: unknown): string {
  if (error instanceof InvalidEnvironmentError) {
    return error.message;
  }
  const { code } = error as NodeJS.ErrnoException;
  if (code !== undefined && UNLISTENABLE.has(code)) {
    return `Cannot listen on HOST and PORT as they are set: ${(error as Error).message}.`;
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
