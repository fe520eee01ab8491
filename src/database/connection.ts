import type { ClientConfig } from 'pg';

import { readPostgresUrl } from '../config/postgres-url.js';

/** Milliseconds, enough for a suspended serverless database to wake. */
const CONNECT_TIMEOUT_MS = 10_000;
/** Milliseconds until the first TCP keep-alive probe. Cloud networks drop idle connections after four minutes or more. */
const KEEP_ALIVE_MS = 60_000;

/** The options of pg for a connection URL, with `application_name`, timeouts and TCP keep-alive. */
export function postgresConnection(url: string): ClientConfig {
  return {
    application_name: 'farmlokal',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    ...readPostgresUrl(url),
  };
}
