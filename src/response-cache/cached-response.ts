import { hash } from 'node:crypto';

/** A response body with the headers that belong to it. It is built once, and caches share it. */
export interface CachedResponse {
  readonly body: Buffer;
  /** A strong entity tag, made from the body. */
  readonly etag: string;
  /** Value of the `Link` header; undefined when there is no next page. */
  readonly link?: string;
}

/** A cached response with what decides whether it is still fresh. */
export interface StoredResponse extends CachedResponse {
  /** The {@link CacheVersion} before it was read. */
  readonly version: string;
  /** When it was read, in milliseconds since the epoch. */
  readonly readAt: number;
}

/**
 * Builds a response.
 *
 * @param json the body, in parts that are written one after the other.
 * @param next the relative reference of the next page.
 */
export function createCachedResponse(json: readonly string[], next?: string): CachedResponse {
  // Joining the parts would copy the text once more. A buffer from Node's pool would keep its neighbours in memory for
  // as long as it is cached.
  const body = Buffer.allocUnsafeSlow(json.reduce((sum, part) => sum + Buffer.byteLength(part), 0));
  let end = 0;
  for (const part of json) end += body.write(part, end);
  const etag = `"${hash('sha256', body, 'base64url').slice(0, 22)}"`;
  return next === undefined ? { body, etag } : { body, etag, link: `<${next}>; rel="next"` };
}
