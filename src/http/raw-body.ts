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
      const encoding = headers['content-encoding'] ?? 'identity';
      if (encoding === 'identity') {
        done(null, body);
      } else {
        done(new Problem('unsupported-media-type', 'The body must not be compressed.'));
      }
    },
  );
}
