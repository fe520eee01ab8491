import type { FastifyRequest } from 'fastify';
import { createHmac } from 'node:crypto';

/** A valid `webhook-id`: 1 to 255 visible ASCII characters. */
export const WEBHOOK_ID = /^[\x21-\x7e]{1,255}$/;

/** A webhook message as it was received. A missing header is empty. */
export interface SignedMessage {
  /** `webhook-id`, which may not match {@link WEBHOOK_ID}. */
  readonly id: string;
  /** `webhook-timestamp`: seconds since 1970, as text. */
  readonly timestamp: string;
  /** `webhook-signature`: entries `version,base64`, separated by spaces. Node joins repeated headers with commas. */
  readonly signature: string;
  /** The raw body. */
  readonly body: Buffer;
}

/** Reads the signed parts and the signatures of a request. */
export function readSignedMessage({ headers, body }: FastifyRequest): SignedMessage {
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  return {
    id: text(headers['webhook-id']),
    timestamp: text(headers['webhook-timestamp']),
    signature: text(headers['webhook-signature']),
    body: Buffer.isBuffer(body) ? body : Buffer.alloc(0),
  };
}

/**
 * Signs a message: the base64 of the HMAC-SHA256 over `id.timestamp.body`.
 *
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function sign(
  { id, timestamp, body }: Omit<SignedMessage, 'signature'>,
  key: Buffer,
): string {
  return (
    createHmac('sha256', key)
      // Node decodes headers as Latin-1, so this restores their bytes.
      .update(`${id}.${timestamp}.`, 'latin1')
      .update(body)
      .digest('base64')
  );
}
