import type { FastifyInstance } from 'fastify';

import { Problem } from '../problems/problem.js';

/** The largest body that is read. */
const MAX_BODY_BYTES = 256 * 1024;

/**
 * Has bodies given to their resource as the bytes they arrived as: a signature is over those. Only
 * `application/json` is read, and none that was compressed.
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

/** Whether every coding in a Content-Encoding leaves the body as it is (RFC 9110, section 8.4.1). */
function isIdentity(codings = ''): boolean {
  return codings
    .split(',')
    .map((coding) => coding.trim().toLowerCase())
    .every((coding) => coding === '' || coding === 'identity');
}
