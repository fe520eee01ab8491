/** What a header may carry as a bearer token (RFC 6750, section 2.1, and what providers make of it). */
const BEARER_TOKEN = /^[\x21-\x7e]{1,8192}$/;

/** Whether a text can be sent as a bearer token. */
export function isBearerToken(text: string): boolean {
  return BEARER_TOKEN.test(text);
}
