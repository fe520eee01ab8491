import { randomUUID } from 'node:crypto';

import { signatureHeaders, upserted } from '../test/support/signed-event.js';
import type { LoadRequest } from './load/request.js';
import type { Testbed } from './testbed.js';

/** An event of API B. */
export interface WebhookEvent {
  readonly id: string;
  readonly body: string;
}

/** An event that changes one of so many products, with a random revision. */
export function newEvent(products: number): WebhookEvent {
  const sku = `BENCH-EVENT-${Math.floor(Math.random() * products)}`;
  const revision = Math.floor(Math.random() * Number.MAX_SAFE_INTEGER);
  return { id: `bench-${randomUUID()}`, body: JSON.stringify(upserted(sku, revision)) };
}

/** The request of an event, signed now. The signature is valid for five minutes. */
export function signed({ id, body }: WebhookEvent): LoadRequest {
  const headers = signatureHeaders(body, { id });
  return { method: 'POST', path: '/api/webhooks/catalog', headers, body };
}

/** Removes the products and the records of all events. */
export async function removeEvents(testbed: Testbed): Promise<void> {
  await testbed.query("DELETE FROM products WHERE sku LIKE 'BENCH-EVENT-%'");
  await testbed.query('TRUNCATE webhook_events');
  await testbed.query('VACUUM (ANALYZE) products');
}
