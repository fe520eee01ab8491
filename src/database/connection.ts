import type { ClientConfig } from 'pg';

import { readPostgresUrl } from '../config/postgres-url.js';

/** Long enough for a suspended serverless database to wake, milliseconds. */
const CONNECT_TIMEOUT_MS = 10_000;
/**
 * When a silent connection is first asked whether it is still there, milliseconds: sooner than the networks of the
 * large clouds forget it, which takes them four minutes or more.
 */
const KEEP_ALIVE_MS = 60_000;

/**
 * How to reach the database behind a URL, with the certificate verified wherever TLS is asked for:
 * `sslmode=require` means `verify-full`, and only `no-verify` accepts any certificate.
 */
export function postgresConnection(url: string): ClientConfig {
  return {
    application_name: 'farmlokal',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    ...readPostgresUrl(url),
  };
}
