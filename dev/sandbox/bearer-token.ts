import type { IncomingMessage, ServerResponse } from 'node:http';

import { sendJson } from './json.js';

/** Tells good tokens from others. */
export interface TokenJudge {
  accepts(token: string): Promise<boolean>;
}

/** Whether a request carries a token that is good. */
export async function hasGoodToken(request: IncomingMessage, tokens: TokenJudge): Promise<boolean> {
  const token = /^Bearer ([^ ]+)$/i.exec(request.headers.authorization ?? '')?.[1];
  return token !== undefined && (await tokens.accepts(token));
}

/** Answers a request that does not. */
export function refuseToken(response: ServerResponse): void {
  sendJson(
    response,
    401,
    { error: 'invalid_token' },
    { 'www-authenticate': 'Bearer error="invalid_token"' },
  );
}
