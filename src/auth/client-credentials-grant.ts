import * as oauth from 'oauth4webapi';

import { partnerFetch } from '../http/partner-fetch.js';
import { retryAfterMs } from '../http/retry-after.js';
import { loopClock } from '../resilience/loop-clock.js';
import { basicCredentials, clientAuth, formEncode } from './client-authentication.js';
import { loggableText } from './loggable-text.js';
import type { OAuthClient } from './oauth-client.js';
import {
  type ErrorResponse,
  parseFields,
  readError,
  readToken,
  type ResponseFields,
} from './token-response.js';

/** Timeout of a token request including its response, in milliseconds. */
export const GRANT_TIMEOUT_MS = 3000;
const MAX_RESPONSE_BYTES = 64 * 1024;
/** Lifetime of a token without `expires_in`, which is only recommended (RFC 6749, section 5.1). */
const DEFAULT_LIFETIME_S = 300;
/** A shorter lifetime would renew the token in a tight loop. */
const MIN_LIFETIME_S = 1;
/** Longest time that a token is used, even if its `expires_in` is longer, so that a change at the provider takes effect. */
export const MAX_LIFETIME_S = 86_400;

const CHECK_CLIENT = 'check OAUTH_CLIENT_ID, OAUTH_CLIENT_SECRET and OAUTH_CLIENT_AUTH';
/** Error codes that blame the client or its request (RFC 6749, section 5.2; RFC 8707, section 2), with the remedy. */
const REMEDIES = new Map([
  ['invalid_client', CHECK_CLIENT],
  ['unauthorized_client', 'allow the client to use the client credentials grant'],
  ['unsupported_grant_type', 'the provider does not support the client credentials grant'],
  ['invalid_scope', 'check OAUTH_SCOPE'],
  ['invalid_request', 'check OAUTH_TOKEN_URL and OAUTH_TOKEN_PARAMETERS'],
  ['invalid_grant', CHECK_CLIENT],
  ['invalid_target', 'check audience and resource in OAUTH_TOKEN_PARAMETERS'],
]);
/** Error codes that blame the provider. */
const TRANSIENT_CODES = new Set(['server_error', 'temporarily_unavailable', 'slow_down']);

/** An access token from the provider. */
export interface Grant {
  readonly token: string;
  /** Lifetime in milliseconds, from the start of the token request. */
  readonly lifetimeMs: number;
}

interface GrantErrorOptions {
  /** Whether the provider rejects the client or its request, so that a retry cannot help. Default false. */
  readonly refused?: boolean;
  /** Milliseconds until the next request, from the `Retry-After` header. */
  readonly retryAfterMs?: number | undefined;
  /** The provider's `error_description`, for the log only: a client must not see it. */
  readonly description?: string | undefined;
}

/** The provider issued no token. The message is a clause for a log and never contains a secret. */
export class GrantError extends Error {
  override readonly name = GrantError.name;
  readonly refused: boolean;
  readonly retryAfterMs: number | undefined;
  readonly description: string | undefined;

  constructor(
    message: string,
    { refused = false, retryAfterMs, description }: GrantErrorOptions = {},
  ) {
    super(message);
    this.refused = refused;
    this.retryAfterMs = retryAfterMs;
    this.description = description;
  }
}

/**
 * Requests a token with the client credentials grant.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6749#section-4.4
 * @throws GrantError when the provider issues none.
 */
export async function requestGrant(client: OAuthClient): Promise<Grant> {
  const response = await requestToken(client).catch((error: unknown) => {
    throw new GrantError(loggableText((error as Error).message, secretsOf(client)));
  });
  // Not parsed by oauth4webapi, because it rejects a response for fields that this service does not use.
  const fields = parseFields(response.headers.get('content-type'), await response.text());
  const result = fields && response.ok ? readToken(fields) : undefined;
  if (result !== undefined && 'token' in result) {
    const { token, expiresInS = DEFAULT_LIFETIME_S } = result;
    const lifetimeS = Math.min(Math.max(expiresInS, MIN_LIFETIME_S), MAX_LIFETIME_S);
    return { token, lifetimeMs: lifetimeS * 1000 };
  }
  const error = readError(fields ?? {});
  if (response.ok && error.code === undefined) {
    const fault = result?.fault ?? 'it is not a JSON object';
    throw new GrantError(`the response is not usable: ${fault}`, {
      retryAfterMs: retryAfterMs(response.headers),
    });
  }
  throw errorResponse(response, error, secretsOf(client, fields));
}

async function requestToken(client: OAuthClient): Promise<Response> {
  const parameters = new URLSearchParams(client.tokenParameters);
  if (client.scope !== undefined) {
    parameters.set('scope', client.scope);
  }
  return await loopClock.withAbortSignal(GRANT_TIMEOUT_MS, (signal) =>
    oauth.clientCredentialsGrantRequest(
      { issuer: new URL(client.tokenUrl).origin, token_endpoint: client.tokenUrl },
      { client_id: client.clientId },
      clientAuth(client.clientAuth, client.clientSecret),
      parameters,
      {
        // The configuration accepts plain HTTP and warns about it.
        // eslint-disable-next-line @typescript-eslint/no-deprecated -- deprecated only to draw attention
        [oauth.allowInsecureRequests]: true,
        [oauth.customFetch]: (url, { method, headers, body }) =>
          partnerFetch(url, {
            method,
            headers,
            body,
            signal,
            maxBytes: MAX_RESPONSE_BYTES,
          }),
      },
    ),
  );
}

function errorResponse(
  { ok, status, headers }: Response,
  { code, description }: ErrorResponse,
  secrets: readonly string[],
): GrantError {
  const remedy = REMEDIES.get(code ?? '') ?? (status === 401 ? CHECK_CLIENT : undefined);
  const reason =
    code === undefined
      ? `status ${status}`
      : `the error ${loggableText(code, secrets)} and status ${status}`;
  const message =
    remedy === undefined
      ? `the OAuth provider responds with ${reason}${status === 404 ? ': check OAUTH_TOKEN_URL' : ''}`
      : `the OAuth provider rejects this client with ${reason}: ${remedy}`;
  const rejected = ok || (status >= 400 && status < 500 && status !== 408 && status !== 429);
  return new GrantError(message, {
    refused: remedy !== undefined || (rejected && !TRANSIENT_CODES.has(code ?? '')),
    retryAfterMs: retryAfterMs(headers),
    description: description === undefined ? undefined : loggableText(description, secrets),
  });
}

/** Lists the secrets of the request and the response, in every form that the provider's texts may repeat. */
function secretsOf(
  { clientId, clientSecret, tokenParameters }: OAuthClient,
  fields: ResponseFields = {},
): string[] {
  const sent = [clientSecret, ...new URLSearchParams(tokenParameters).values()];
  const { access_token: token } = fields;
  return [
    ...sent.flatMap((value) => [
      value,
      formEncode(value),
      new URLSearchParams({ '': value }).toString().slice(1),
    ]),
    basicCredentials(clientId, clientSecret),
    basicCredentials(formEncode(clientId), formEncode(clientSecret)),
    ...(typeof token === 'string' ? [token] : []),
  ].filter((secret) => secret !== '');
}
