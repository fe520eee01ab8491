import { type ClientAuth, ClientSecretPost } from 'oauth4webapi';

import type { Environment } from '../config/environment.js';

/** A value of `OAUTH_CLIENT_AUTH`. */
export type ClientAuthMethod = Environment['OAUTH_CLIENT_AUTH'];

/** Authenticates the client at the token endpoint (RFC 6749, section 2.3.1). */
export function clientAuth(method: ClientAuthMethod, clientSecret: string): ClientAuth {
  if (method === 'post') {
    return ClientSecretPost(clientSecret);
  }
  const encode = method === 'basic' ? formEncode : String;
  return (_server, { client_id: clientId }, _body, headers) => {
    const credentials = basicCredentials(encode(clientId), encode(clientSecret));
    headers.set('authorization', `Basic ${credentials}`);
  };
}

/**
 * Encodes a text as application/x-www-form-urlencoded. It encodes as few characters as possible, because some providers
 * compare the credentials without decoding them.
 */
export function formEncode(text: string): string {
  return encodeURIComponent(text).replaceAll('%20', '+');
}

/** The credentials of HTTP Basic authentication in UTF-8 (RFC 7617, section 2). */
export function basicCredentials(userId: string, password: string): string {
  return Buffer.from(`${userId}:${password}`).toString('base64');
}
