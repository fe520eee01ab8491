import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** The client's `X-Request-Id` when it is well formed, so that the logs of both can be joined; else a new UUID. */
export function requestId({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && /^[\w.:-]{1,100}$/.test(given) ? given : randomUUID();
}
