import type { FastifyRequest } from 'fastify';

import type { SignedMessage } from './signature.js';

/** The parts of a request that are signed, and the signatures. A header that is missing is empty. */
export function signedMessage({ headers, body }: FastifyRequest): SignedMessage {
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  return {
    id: text(headers['webhook-id']),
    timestamp: text(headers['webhook-timestamp']),
    signature: text(headers['webhook-signature']),
    body: Buffer.isBuffer(body) ? body : Buffer.alloc(0),
  };
}
