import { isBearerToken } from './bearer-token.js';

/** Schemes whose tokens are useless in `Authorization: Bearer`. Other values are mere names of a bearer token. */
const OTHER_SCHEME =
  /^(?:basic|digest|dpop|gnap|hawk|h?mac|hoba|mutual|negotiate|ntlm|pop|privatetoken|scram|vapid)(?![a-z])/i;
const FORM = /^\s*application\/x-www-form-urlencoded\s*(?:;|$)/i;

/** The fields of a token endpoint's response, none of them validated. */
export type ResponseFields = Readonly<Record<string, unknown>>;

/** What a successful response grants, or which field makes it unusable. */
export type TokenResponse =
  { readonly token: string; readonly expiresInS: number | undefined } | { readonly fault: string };

/** An error response (RFC 6749, section 5.2). */
export interface ErrorResponse {
  readonly code: string | undefined;
  readonly description: string | undefined;
}

/**
 * Parses a body as JSON whatever its media type says, or as a form where its media type says so.
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
 * Reads a successful response (RFC 6749, section 5.1). This service uses the token and its lifetime only,
 * so no other field can make a response unusable.
 *
 * @returns a fault that names the field and never its value.
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
  if (!isBearerToken(token)) {
    return { fault: 'access_token cannot be sent in a header' };
  }
  if (typeof type === 'string' && OTHER_SCHEME.test(type.trim())) {
    return { fault: 'token_type is not Bearer' };
  }
  return { token, expiresInS: readSeconds(expiresIn) };
}

/** Reads an error response; both fields are undefined when the response reports no OAuth error. */
export function readError({
  error,
  error_description: description,
}: ResponseFields): ErrorResponse {
  return { code: textOf(error), description: textOf(description) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readSeconds(value: unknown): number | undefined {
  const seconds = typeof value === 'string' ? Number(value) : value;
  return typeof seconds === 'number' && seconds > 0 ? seconds : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
