import type { FastifyReply, FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';

import type { CacheResult } from './response-cache.js';

/**
 * Sends a page, or 304 when the client has its bytes already (RFC 9110, section 13.1.2). At once when the page is at
 * hand.
 */
export function reply(
  served: CacheResult | Promise<CacheResult>,
  request: FastifyRequest,
  response: FastifyReply,
): void | Promise<void> {
  if (!(served instanceof Promise)) {
    send(served, request, response);
    return;
  }
  return served.then((page) => {
    send(page, request, response);
  });
}

function send(
  { page, cache, age }: CacheResult,
  request: FastifyRequest,
  response: FastifyReply,
): void {
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
    // Fastify tells a HEAD the length of what is sent, of nothing as well; not of a stream.
    response.status(304).send(request.method === 'HEAD' ? Readable.from([]) : undefined);
    return;
  }
  response.type('application/json; charset=utf-8').send(page.body);
}

/** The end of a tag. Proxies that compress add a suffix: Apache `-gzip`, Jetty `--gzip`, others `;gzip`. */
const TAG_END = /^(?:(?:--?|;)(?:gzip|br|zstd|deflate))?"$/;

/** Whether an If-None-Match names these bytes, also by a tag that a proxy has weakened or given a suffix. */
function matches(condition: string, etag: string): boolean {
  const tagStart = etag.slice(0, -1);
  return condition
    .split(',')
    .map((tag) => tag.trim().replace(/^W\//, ''))
    .some(
      (tag) =>
        tag === '*' || (tag.startsWith(tagStart) && TAG_END.test(tag.slice(tagStart.length))),
    );
}
