import type { AuthorizationSwitches } from './authorization-server.js';
import type { CatalogDetails, CatalogSwitches } from './catalog-api.js';
import type { InventorySwitches } from './inventory-api.js';
import type { PartnerState } from './switchable-server.js';

/** The body of the switchboard's `GET /`. */
export interface SandboxState {
  readonly pid: number;
  readonly oauth: PartnerState<AuthorizationSwitches, 'tokensIssued'>;
  readonly inventory: PartnerState<InventorySwitches>;
  readonly catalog: PartnerState<CatalogSwitches, 'registrations'> & CatalogDetails;
}
