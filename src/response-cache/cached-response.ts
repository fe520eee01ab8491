import { hash } from 'node:crypto';

/** An answer as it is sent: made once, kept in the caches, never touched again. */
export interface CachedResponse {
  readonly body: Buffer;
  /** A strong entity tag, made from the bytes. */
  readonly etag: string;
  /** Value of the `Link` header: a relative reference to the next page. */
  readonly link?: string;
}

/** Makes a page of a JSON text, whose parts come one by one; `next` is the relative reference of the page behind it. */
export function createCachedResponse(json: readonly string[], next?: string): CachedResponse {
  // Each part is written where it belongs: joined first, the text would be copied once more. A buffer of its own: one
  // from Node's pool would keep its neighbours in memory as long as it is cached.
  const body = Buffer.allocUnsafeSlow(json.reduce((all, part) => all + Buffer.byteLength(part), 0));
  let end = 0;
  for (const part of json) end += body.write(part, end);
  const etag = `"${hash('sha256', body, 'base64url').slice(0, 22)}"`;
  return next === undefined ? { body, etag } : { body, etag, link: `<${next}>; rel="next"` };
}
