import * as oauth from 'oauth4webapi';

import { partnerFetch } from '../http/partner-fetch.js';
import { retryAfterMs } from '../http/retry-after.js';
import { loopClock } from '../resilience/loop-clock.js';
import {
  basicCredentials,
  clientAuth,
  type ClientAuthMethod,
  formEncode,
} from './client-authentication.js';
import { loggableText } from './loggable-text.js';
import {
  type ErrorResponse,
  parseFields,
  readError,
  readToken,
  type ResponseFields,
} from './token-response.js';

/** How long a request for a token may take, its answer included. */
export const GRANT_TIMEOUT_MS = 3000;
const MAX_ANSWER_BYTES = 64 * 1024;
/** Life of a token whose provider does not say: `expires_in` is only recommended (RFC 6749, section 5.1). */
const DEFAULT_LIFETIME_S = 300;
/** `expires_in` counts whole seconds. A shorter lifetime would renew the token in a tight loop. */
const MIN_LIFETIME_S = 1;
/** However long a provider says: what it revokes meanwhile has to be noticed some day. */
export const MAX_LIFETIME_S = 86_400;

const CHECK_CLIENT = 'check OAUTH_CLIENT_ID, OAUTH_CLIENT_SECRET and OAUTH_CLIENT_AUTH';
/** What to check after an error code that blames the request (RFC 6749, section 5.2; RFC 8707, section 2). */
const BLAME = new Map([
  ['invalid_client', CHECK_CLIENT],
  ['unauthorized_client', 'the client may not use the client credentials grant'],
  ['unsupported_grant_type', 'the provider has no client credentials grant'],
  ['invalid_scope', 'check OAUTH_SCOPE'],
  ['invalid_request', 'check OAUTH_TOKEN_URL and OAUTH_TOKEN_PARAMETERS'],
  ['invalid_grant', CHECK_CLIENT],
  ['invalid_target', 'check audience and resource in OAUTH_TOKEN_PARAMETERS'],
]);
/** Error codes that blame neither the client nor its request. */
const TRANSIENT_CODES = new Set(['server_error', 'temporarily_unavailable', 'slow_down']);

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

/** What a failed token request means for the next one. */
interface GrantErrorOptions {
  /** Whether the provider rejects the client or its request: a retry helps only after a change. */
  readonly refused?: boolean;
  /** How long the provider asks to wait. */
  readonly retryAfterMs?: number | undefined;
  /** The provider's own explanation, fit for a log but not for an answer to a client. */
  readonly description?: string | undefined;
}

/** Why there is no token. The message never holds anything that the provider or the client keeps secret. */
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
 * Requests a token by the client credentials grant.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6749#section-4.4
 * @throws GrantError when the provider grants none.
 */
export async function requestGrant(client: OAuthClient): Promise<Grant> {
  const response = await requestToken(client).catch((error: unknown) => {
    throw new GrantError((error as Error).message);
  });
  // oauth4webapi rejects responses that deviate in fields this service does not use.
  const fields = parseFields(response.headers.get('content-type'), await response.text());
  const answer = fields && response.ok ? readToken(fields) : undefined;
  if (answer !== undefined && 'token' in answer) {
    const { token, expiresInS = DEFAULT_LIFETIME_S } = answer;
    const lifetimeS = Math.min(Math.max(expiresInS, MIN_LIFETIME_S), MAX_LIFETIME_S);
    return { token, lifetimeMs: lifetimeS * 1000 };
  }
  const error = readError(fields ?? {});
  if (response.ok && error.code === undefined) {
    const fault = answer?.fault ?? 'it is not a JSON object';
    throw new GrantError(`its answer cannot be used: ${fault}`, {
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
        // The configuration allows it, and the start has warned.
        // eslint-disable-next-line @typescript-eslint/no-deprecated -- the mark is there to stand out
        [oauth.allowInsecureRequests]: true,
        [oauth.customFetch]: (url, { method, headers, body }) =>
          partnerFetch(url, {
            method,
            headers,
            body,
            signal,
            maxBytes: MAX_ANSWER_BYTES,
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
  const blame = BLAME.get(code ?? '') ?? (status === 401 ? CHECK_CLIENT : undefined);
  const reason =
    code === undefined
      ? `status ${status}`
      : `the error ${loggableText(code, secrets)} and status ${status}`;
  const message =
    blame === undefined
      ? `it answers with ${reason}${status === 404 ? ': check OAUTH_TOKEN_URL' : ''}`
      : `it refuses this client with ${reason}: ${blame}`;
  const rejected = ok || (status >= 400 && status < 500 && status !== 408 && status !== 429);
  return new GrantError(message, {
    refused: blame !== undefined || (rejected && !TRANSIENT_CODES.has(code ?? '')),
    retryAfterMs: retryAfterMs(headers),
    description: description === undefined ? undefined : loggableText(description, secrets),
  });
}

/** What a provider's text may repeat of the request or of a token, in each form it was sent in. */
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
