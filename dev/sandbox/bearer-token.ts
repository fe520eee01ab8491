import type { IncomingMessage, ServerResponse } from 'node:http';

import { sendJson } from './json.js';

/** Verifies access tokens. */
export interface TokenVerifier {
  accepts(token: string): Promise<boolean>;
}

/** Whether the request carries a valid bearer token (RFC 6750). */
export async function hasValidToken(
  request: IncomingMessage,
  verifier: TokenVerifier,
): Promise<boolean> {
  const token = /^Bearer ([^ ]+)$/i.exec(request.headers.authorization ?? '')?.[1];
  return token !== undefined && (await verifier.accepts(token));
}

/** Sends the 401 for a missing or invalid token. */
export function rejectToken(response: ServerResponse): void {
  sendJson(
    response,
    401,
    { error: 'invalid_token' },
    { 'www-authenticate': 'Bearer error="invalid_token"' },
  );
}
