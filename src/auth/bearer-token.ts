/**
 * Longest token that this service sends: 32 KiB. A partner with a lower limit responds with 431. By default, nginx and
 * Apache accept 8 KiB in a header, Node 16 KiB in all headers, and Kestrel 32 KiB.
 */
export const MAX_TOKEN_LENGTH = 32_768;

/** Visible ASCII characters: a superset of RFC 6750, section 2.1, because some providers use other characters. */
const VISIBLE_ASCII = /^[\x21-\x7e]+$/;

/** Whether a text can be sent as a bearer token. */
export function isBearerToken(text: string): boolean {
  return text.length <= MAX_TOKEN_LENGTH && VISIBLE_ASCII.test(text);
}
