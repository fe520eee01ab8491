import type { Sandbox } from '../test/support/sandbox.js';
import type { PopularPages } from './popular-pages.js';
import type { ProductSupply } from './product-supply.js';
import type { Testbed } from './testbed.js';

/** What the service beside failing partners is measured with. */
export interface Parts {
  readonly testbed: Testbed;
  readonly sandbox: Sandbox;
  readonly supply: ProductSupply;
  readonly pages: PopularPages;
}
