import type { FastifyRequest } from 'fastify';

import type { SignedMessage } from './signature.js';

/** What of a request is signed, and the signatures. What is missing is empty, and as good as wrong. */
export function signedMessage({ headers, body }: FastifyRequest): SignedMessage {
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  return {
    id: text(headers['webhook-id']),
    timestamp: text(headers['webhook-timestamp']),
    signature: text(headers['webhook-signature']),
    body: Buffer.isBuffer(body) ? body : Buffer.alloc(0),
  };
}
