import { randomUUID } from 'node:crypto';

import { sign } from '../../src/webhooks/signed-message.js';
import { type HttpResponse, httpFetch } from './http.js';

/** The webhook secret of the tests, in the format of Standard Webhooks. */
export const SECRET = `whsec_${Buffer.from('The secret of the tests.').toString('base64')}`;

/** The parts of a signed request that a spec may set. */
export interface Sending {
  readonly id?: string;
  /** Seconds since the epoch. */
  readonly timestamp?: number;
  readonly secret?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The headers of a signed body. */
export function signatureHeaders(
  body: string | Buffer,
  { id = randomUUID(), timestamp = Math.floor(Date.now() / 1000), secret = SECRET }: Sending = {},
): Record<string, string> {
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  const message = { id, timestamp: String(timestamp), body: Buffer.from(body) };
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': message.timestamp,
    'webhook-signature': `v1,${sign(message, key)}`,
  };
}

/** Signs an event and sends it to the callback of the service. */
export async function send<Body = { status: string }>(
  url: string,
  event: unknown,
  sending: Sending = {},
): Promise<HttpResponse<Body>> {
  const body = Buffer.isBuffer(event) || typeof event === 'string' ? event : JSON.stringify(event);
  return await httpFetch<Body>(`${url}/api/webhooks/catalog`, {
    method: 'POST',
    headers: { ...signatureHeaders(body, sending), ...sending.headers },
    body,
  });
}

/** The default fields of a product in an event. */
const PRODUCT = {
  name: 'Okra',
  description: 'Picked this morning.',
  category: 'Vegetables',
  price: '49.50',
  currency: 'INR',
  unit: 'kg',
  producer: 'Asha Farm',
};

/** An event that creates or changes a product. */
export function upserted(sku: string, revision: number, fields: object = {}): object {
  return {
    type: 'product.upserted',
    timestamp: new Date().toISOString(),
    data: { sku, revision, ...PRODUCT, ...fields },
  };
}

/** An event that deletes one. */
export function deleted(sku: string, revision: number): object {
  return { type: 'product.deleted', timestamp: new Date().toISOString(), data: { sku, revision } };
}
