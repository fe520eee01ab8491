import { randomUUID } from 'node:crypto';

import { signatureHeaders, upserted } from '../test/support/signed-event.js';
import type { GeneratedRequest } from './load-generator.js';
import type { Testbed } from './testbed.js';

/** An event of API B. */
export interface Event {
  readonly id: string;
  readonly body: string;
}

/** A change of one of so many products, of any revision. */
export function newEvent(products: number): Event {
  const sku = `BENCH-EVENT-${Math.floor(Math.random() * products)}`;
  const revision = Math.floor(Math.random() * Number.MAX_SAFE_INTEGER);
  return { id: `bench-${randomUUID()}`, body: JSON.stringify(upserted(sku, revision)) };
}

/** An event as it is sent now: its signature holds for five minutes. */
export function signed({ id, body }: Event): GeneratedRequest {
  const headers = signatureHeaders(body, { id });
  return { method: 'POST', path: '/api/webhooks/catalog', headers, body };
}

/** Removes what events have left in the catalogue. */
export async function removeEvents(testbed: Testbed): Promise<void> {
  await testbed.query("DELETE FROM products WHERE sku LIKE 'BENCH-EVENT-%'");
  await testbed.query('TRUNCATE webhook_events');
  await testbed.query('VACUUM (ANALYZE) products');
}
