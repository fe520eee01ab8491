import type { Catalogue } from './catalogue.js';
import { type FailingInventory, measureFailingInventory } from './failing-inventory.js';
import { type InventoryOutage, measureInventoryOutage } from './inventory-outage.js';
import { type ListingBesideOutage, measureListingBesideOutage } from './listing-beside-outage.js';
import { measureOneToken, type OneToken } from './one-token.js';
import { PopularPages } from './popular-pages.js';
import { ProductSupply } from './product-supply.js';
import type { Testbed } from './testbed.js';

export interface Partners {
  readonly listing: ListingBesideOutage;
  readonly outage: InventoryOutage;
  readonly failing: FailingInventory;
  readonly token: OneToken;
}

/** The parts of a load's time that what is measured here lasts: it comes in many pieces. */
const LISTING_PART = 1 / 15;
const OUTAGE_PART = 1 / 5;
const FAILING_PART = 1 / 6;
const REPETITIONS_PER_SECOND = 1 / 3;
/** In more time more products would be asked about than the smallest catalogue has. */
const MOST_SECONDS = 60;

/** The service beside partners that fail. */
export async function measurePartners(
  testbed: Testbed,
  catalogue: Catalogue,
  seconds: number,
  say: (line: string) => void,
): Promise<Partners> {
  const whole = Math.min(seconds, MOST_SECONDS);
  const part = (of: number): number => Math.round(whole * of * 10) / 10;
  const sandbox = await testbed.startSandbox();
  const supply = await ProductSupply.of(catalogue);
  const parts = { testbed, sandbox, supply, pages: await PopularPages.of(catalogue) };
  const partners = {
    listing: await measureListingBesideOutage(parts, part(LISTING_PART), say),
    outage: await measureInventoryOutage(parts, part(OUTAGE_PART), say),
    failing: await measureFailingInventory(parts, part(FAILING_PART), say),
    token: await measureOneToken(parts, Math.ceil(whole * REPETITIONS_PER_SECOND), say),
  };
  await sandbox.stop();
  return partners;
}
