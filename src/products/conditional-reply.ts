import type { FastifyReply, FastifyRequest } from 'fastify';

import type { ServedPage } from './page-cache.js';

/** A page's bytes, or nothing where the client has them already. */
export type Answer = Buffer | undefined;

/**
 * Sends a page's headers and gives its bytes, or nothing with 304 when the client has them already
 * (RFC 9110, section 13.1.2). At once when the page is at hand.
 */
export function reply(
  served: ServedPage | Promise<ServedPage>,
  request: FastifyRequest,
  response: FastifyReply,
): Answer | Promise<Answer> {
  return served instanceof Promise
    ? served.then((page) => answer(page, request, response))
    : answer(served, request, response);
}

function answer(
  { page, cache, age }: ServedPage,
  request: FastifyRequest,
  response: FastifyReply,
): Answer {
  response.header('etag', page.etag);
  response.header('cache-control', 'public, no-cache');
  response.header('x-cache', cache);
  if (page.link !== undefined) {
    response.header('link', page.link);
  }
  if (cache !== 'MISS') {
    response.header('age', age);
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
