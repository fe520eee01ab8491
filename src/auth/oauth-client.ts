import { createHash } from 'node:crypto';

import type { Environment } from '../config/environment.js';
import type { ClientAuthMethod } from './client-authentication.js';

/** The OAuth client of this service, its provider, and the token that it requests. */
export interface OAuthClient {
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly clientAuth: ClientAuthMethod;
  readonly scope: string | undefined;
  /** Additional parameters of the token request, form-encoded. */
  readonly tokenParameters: string | undefined;
}

/** The configured OAuth client; undefined without one. */
export function configuredClient({
  OAUTH_TOKEN_URL: tokenUrl,
  OAUTH_CLIENT_ID: clientId,
  OAUTH_CLIENT_SECRET: clientSecret,
  OAUTH_CLIENT_AUTH: clientAuth,
  OAUTH_SCOPE: scope,
  OAUTH_TOKEN_PARAMETERS: tokenParameters,
}: Environment): OAuthClient | undefined {
  return tokenUrl === undefined || clientId === undefined || clientSecret === undefined
    ? undefined
    : { tokenUrl, clientId, clientSecret, clientAuth, scope, tokenParameters };
}

/**
 * Identifies a client and its token request in Redis keys. The key contains only 16 bits of the secret's digest: enough
 * to detect a changed secret, and too few to guess the secret.
 */
export function clientKey(client: OAuthClient | undefined): string {
  const { tokenUrl, clientId, clientSecret, clientAuth, scope, tokenParameters } = client ?? {};
  const digest = (...parts: unknown[]): string =>
    createHash('sha256').update(JSON.stringify(parts)).digest('hex');
  const request = digest(tokenUrl, clientId, clientAuth, scope, tokenParameters);
  return request.slice(0, 16) + digest(clientSecret).slice(0, 4);
}
