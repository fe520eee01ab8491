import { parseJson } from '../http/parse-json.js';
import { isBearerToken, MAX_TOKEN_LENGTH } from './bearer-token.js';

/** Authentication schemes other than Bearer. Providers also use other values of `token_type` for a bearer token. */
const OTHER_SCHEME =
  /^(?:basic|digest|dpop|gnap|hawk|h?mac|hoba|mutual|negotiate|ntlm|pop|privatetoken|scram|vapid)(?![a-z])/i;
const FORM = /^\s*application\/x-www-form-urlencoded\s*(?:;|$)/i;

/** The fields of a token response, not validated. */
export type ResponseFields = Readonly<Record<string, unknown>>;

/** The token of a successful response, or why the response is not usable. */
export type TokenResponse =
  { readonly token: string; readonly expiresInS: number | undefined } | { readonly fault: string };

/** An error response (RFC 6749, section 5.2). */
export interface ErrorResponse {
  readonly code: string | undefined;
  readonly description: string | undefined;
}

/**
 * Parses a body as JSON even if its media type is another one. A body that is not JSON is parsed as a form, if it has the
 * media type of a form.
 *
 * @returns undefined when the body is neither.
 */
export function parseFields(contentType: string | null, body: string): ResponseFields | undefined {
  const json = parseJson(body);
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) {
    return json as ResponseFields;
  }
  return FORM.test(contentType ?? '') ? Object.fromEntries(new URLSearchParams(body)) : undefined;
}

/**
 * Reads a successful response (RFC 6749, section 5.1). It ignores the fields that this service does not use.
 *
 * @returns the token, or a fault that names a field and never its value.
 */
export function readToken({
  access_token: token,
  token_type: type,
  expires_in: expiresIn,
}: ResponseFields): TokenResponse {
  if (token === undefined || token === null) {
    return { fault: 'access_token is missing' };
  }
  if (token === '') {
    return { fault: 'access_token is empty' };
  }
  if (typeof token !== 'string') {
    return { fault: 'access_token is not a string' };
  }
  if (token.length > MAX_TOKEN_LENGTH) {
    return { fault: `access_token is longer than ${MAX_TOKEN_LENGTH} characters` };
  }
  if (!isBearerToken(token)) {
    return { fault: 'access_token contains characters that a header cannot carry' };
  }
  if (typeof type === 'string' && OTHER_SCHEME.test(type.trim())) {
    return { fault: 'token_type is not Bearer' };
  }
  return { token, expiresInS: readSeconds(expiresIn) };
}

/** Reads an error response. Without an OAuth error, both fields are undefined. */
export function readError({
  error,
  error_description: description,
}: ResponseFields): ErrorResponse {
  return { code: textOf(error), description: textOf(description) };
}

function readSeconds(value: unknown): number | undefined {
  const seconds = typeof value === 'string' ? Number(value) : value;
  return typeof seconds === 'number' && seconds > 0 ? seconds : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
