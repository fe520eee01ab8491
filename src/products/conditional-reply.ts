import type { FastifyReply, FastifyRequest } from 'fastify';

import type { ServedPage } from './page-cache.js';

/**
 * Sends a page's headers and gives its bytes, or nothing with 304 when the client has them already
 * (RFC 9110, section 13.1.2).
 */
export function reply(
  { page, cache, age }: ServedPage,
  request: FastifyRequest,
  response: FastifyReply,
): Buffer | undefined {
  response.header('ETag', page.etag);
  response.header('Cache-Control', 'public, no-cache');
  response.header('X-Cache', cache);
  if (page.link !== undefined) {
    response.header('Link', page.link);
  }
  if (cache !== 'MISS') {
    response.header('Age', age);
  }
  const condition = request.headers['if-none-match'];
  if (condition !== undefined && matches(condition, page.etag)) {
    response.status(304);
    return undefined;
  }
  response.type('application/json; charset=utf-8');
  return page.body;
}

/** Weak comparison: a tag that a proxy has weakened still names these bytes. */
function matches(condition: string, etag: string): boolean {
  return condition
    .split(',')
    .map((tag) => tag.trim())
    .some((tag) => tag === '*' || tag.replace(/^W\//, '') === etag);
}
