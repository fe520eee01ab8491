import * as oauth from 'oauth4webapi';

import { partnerFetch } from '../http/partner-fetch.js';
import { retryAfterMs } from '../http/retry-after.js';
import { isBearerToken } from './bearer-token.js';
import { clientAuth, type ClientAuthMethod } from './client-authentication.js';

/** How long a request for a token may take, its answer included. */
export const GRANT_TIMEOUT_MS = 3000;
const MAX_ANSWER_BYTES = 64 * 1024;
/** Life of a token whose provider does not say: `expires_in` is only recommended (RFC 6749, section 5.1). */
const DEFAULT_LIFETIME_S = 300;
/** However long a provider says: what it revokes meanwhile has to be noticed some day. */
export const MAX_LIFETIME_S = 86_400;

/** What the error codes of RFC 6749, section 5.2 ask the operator to look at. */
const REFUSALS: Readonly<Record<string, string>> = {
  invalid_client: 'check OAUTH_CLIENT_ID and OAUTH_CLIENT_SECRET',
  unauthorized_client: 'the client may not use the client credentials grant',
  unsupported_grant_type: 'the provider has no client credentials grant',
  invalid_scope: 'check OAUTH_SCOPE',
  invalid_request: 'check OAUTH_TOKEN_URL',
  invalid_grant: 'check OAUTH_CLIENT_ID and OAUTH_CLIENT_SECRET',
};

/** The client, its provider and the token that it requests. */
export interface OAuthClient {
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly clientAuth: ClientAuthMethod;
  readonly scope: string | undefined;
  /** More parameters of the token request, form-encoded. */
  readonly tokenParameters: string | undefined;
}

/** A token as it was granted. */
export interface Grant {
  readonly token: string;
  /** Milliseconds that it lives, counted from before it was asked for. */
  readonly lifetimeMs: number;
}

/** Why there is no token. The message never holds anything that the provider or the client keeps secret. */
export class GrantError extends Error {
  override readonly name = GrantError.name;

  constructor(
    message: string,
    /** Whether the provider has understood and said no: asking again helps only once something was changed. */
    readonly refused: boolean,
    /** Milliseconds that the provider asks to be left alone. */
    readonly retryAfterMs?: number,
  ) {
    super(message);
  }
}

/**
 * Requests a token by the client credentials grant.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6749#section-4.4
 * @throws GrantError when there is none to be had.
 */
export async function requestGrant(client: OAuthClient): Promise<Grant> {
  const server = { issuer: new URL(client.tokenUrl).origin, token_endpoint: client.tokenUrl };
  const self = { client_id: client.clientId };
  const parameters = new URLSearchParams(client.tokenParameters);
  if (client.scope !== undefined) {
    parameters.set('scope', client.scope);
  }
  let response: Response | undefined;
  try {
    const answer = await oauth.clientCredentialsGrantRequest(
      server,
      self,
      clientAuth(client.clientAuth, client.clientSecret),
      parameters,
      {
        signal: AbortSignal.timeout(GRANT_TIMEOUT_MS),
        // The configuration allows it, and the start has warned.
        // eslint-disable-next-line @typescript-eslint/no-deprecated -- the mark is there to stand out
        [oauth.allowInsecureRequests]: true,
        [oauth.customFetch]: async (url, { method, headers, body, signal }) =>
          (response = await partnerFetch(url, {
            method,
            headers,
            body,
            signal: signal ?? AbortSignal.timeout(GRANT_TIMEOUT_MS),
            maxBytes: MAX_ANSWER_BYTES,
          })),
      },
    );
    return readGrant(await oauth.processClientCredentialsResponse(server, self, answer));
  } catch (error) {
    throw toGrantError(error, response);
  }
}

function readGrant({ access_token, token_type, expires_in }: oauth.TokenEndpointResponse): Grant {
  if (token_type !== 'bearer' || !isBearerToken(access_token)) {
    throw new GrantError('its token is not a bearer token', false);
  }
  const lifetime = Math.min(expires_in ?? DEFAULT_LIFETIME_S, MAX_LIFETIME_S);
  if (lifetime <= 0) {
    throw new GrantError('its token has expired on arrival', false);
  }
  return { token: access_token, lifetimeMs: lifetime * 1000 };
}

/** Says in words of our own what failed: the provider's might repeat what it was sent. */
function toGrantError(error: unknown, response: Response | undefined): GrantError {
  if (error instanceof GrantError) {
    return error;
  }
  if (
    error instanceof oauth.ResponseBodyError ||
    error instanceof oauth.WWWAuthenticateChallengeError
  ) {
    const code = error instanceof oauth.ResponseBodyError ? error.error : 'invalid_client';
    const advice = REFUSALS[code];
    if (advice !== undefined) {
      return new GrantError(`it refuses this client (${code}): ${advice}`, true);
    }
  }
  if (response === undefined) {
    const { name, cause } = error as Error;
    const { code } = (cause ?? {}) as NodeJS.ErrnoException;
    const reach =
      code === undefined ? 'OAUTH_TOKEN_URL cannot be asked' : `it is out of reach (${code})`;
    return new GrantError(name === 'TimeoutError' ? 'it does not answer in time' : reach, false);
  }
  const { status, headers } = response;
  return new GrantError(
    status === 200
      ? 'its answer is not a token'
      : `it answers with status ${status}${status === 404 ? ': check OAUTH_TOKEN_URL' : ''}`,
    status >= 400 && status < 500 && status !== 408 && status !== 429,
    retryAfterMs(headers),
  );
}
