import type { FastifyReply, FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';

import type { CacheResult } from './cache-result.js';

/** Sends a cached response, or 304 when `If-None-Match` names its body (RFC 9110, section 13.1.2). */
export function reply(
  result: CacheResult | Promise<CacheResult>,
  request: FastifyRequest,
  response: FastifyReply,
): void | Promise<void> {
  if (!(result instanceof Promise)) {
    send(result, request, response);
    return;
  }
  return result.then((resolved) => {
    send(resolved, request, response);
  });
}

function send(
  { response: { body, etag, link }, cache, age }: CacheResult,
  request: FastifyRequest,
  response: FastifyReply,
): void {
  response.header('etag', etag);
  response.header('cache-control', 'public, no-cache');
  response.header('x-cache', cache);
  if (link !== undefined) {
    response.header('link', link);
  }
  if (cache !== 'MISS') {
    response.header('age', age);
  }
  const condition = request.headers['if-none-match'];
  if (condition !== undefined && matches(condition, etag)) {
    // On HEAD, Fastify sends a Content-Length of 0 for an empty body, but none for a stream.
    response.status(304).send(request.method === 'HEAD' ? Readable.from([]) : undefined);
    return;
  }
  response.type('application/json; charset=utf-8').send(body);
}

/** The end of a tag. Proxies that compress add a suffix: Apache `-gzip`, Jetty `--gzip`, others `;gzip`. */
const TAG_END = /^(?:(?:--?|;)(?:gzip|br|zstd|deflate))?"$/;

/** Whether an If-None-Match contains a tag, also one that a proxy has weakened or given a suffix. */
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
