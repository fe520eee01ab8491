import { hash } from 'node:crypto';

/** An answer as it is sent: made once, kept in the caches, never touched again. */
export interface Page {
  readonly body: Buffer;
  /** A strong entity tag, made from the bytes. */
  readonly etag: string;
  /** Value of the `Link` header: a relative reference to the next page. */
  readonly link?: string;
}

/** Makes a page of a JSON text; `next` is the relative reference of the page behind it. */
export function createPage(json: string, next?: string): Page {
  // A buffer of its own: one from Node's pool would keep its neighbours in memory as long as it is cached.
  const body = Buffer.allocUnsafeSlow(Buffer.byteLength(json));
  body.write(json);
  const etag = `"${hash('sha256', body, 'base64url').slice(0, 22)}"`;
  return next === undefined ? { body, etag } : { body, etag, link: `<${next}>; rel="next"` };
}
