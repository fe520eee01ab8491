import { randomUUID } from 'node:crypto';

import { upserted } from '../test/support/signed-event.js';
import type { Sent } from './signed-load.js';
import type { Testbed } from './testbed.js';

/** A change of one of so many products, of any revision. */
export function newEvent(products: number): Sent {
  const sku = `BENCH-EVENT-${Math.floor(Math.random() * products)}`;
  const revision = Math.floor(Math.random() * Number.MAX_SAFE_INTEGER);
  return { id: `bench-${randomUUID()}`, body: JSON.stringify(upserted(sku, revision)) };
}

/** Removes what events have left in the catalogue. */
export async function removeEvents(testbed: Testbed): Promise<void> {
  await testbed.query("DELETE FROM products WHERE sku LIKE 'BENCH-EVENT-%'");
  await testbed.query('TRUNCATE webhook_events');
  await testbed.query('VACUUM (ANALYZE) products');
}
