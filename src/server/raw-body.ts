import type { FastifyInstance } from 'fastify';

import { Problem } from '../problems/problem.js';

/** A larger body is a 413. */
const MAX_BODY_BYTES = 256 * 1024;

/**
 * Passes bodies to controllers as the bytes that arrived, because webhook signatures are over those bytes. Another media
 * type than `application/json`, or a compressed body, is a 415.
 */
export function readRawBodies(fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser<Buffer>(
    'application/json',
    { parseAs: 'buffer', bodyLimit: MAX_BODY_BYTES },
    ({ headers }, body, done) => {
      if (isIdentity(headers['content-encoding'])) {
        done(null, body);
      } else {
        done(new Problem('unsupported-media-type', 'The body must not be compressed.'));
      }
    },
  );
}

/** Whether a Content-Encoding does not encode (RFC 9110, section 8.4.1). */
function isIdentity(codings = ''): boolean {
  return codings
    .split(',')
    .map((coding) => coding.trim().toLowerCase())
    .every((coding) => coding === '' || coding === 'identity');
}
