import type { CatalogueChange } from './catalogue-change.js';
import type { Chance } from './chance.js';
import type { CampaignOptions } from './emit-options.js';

/** How a delivery is signed: well, with somebody else's secret, or before the body was altered. */
export type Signing = 'good' | 'wrong-secret' | 'altered-body';

/** An event that is to be sent, again and again until it is taken. */
export interface Delivery {
  readonly change: CatalogueChange;
  readonly signing: Signing;
}

/** Puts what is sent in its order: every change, some of them again, and what is badly signed. */
export function makeDeliveries(
  changes: readonly CatalogueChange[],
  { duplicates, badSignatures, shuffle }: CampaignOptions,
  chance: Chance,
): Delivery[] {
  const { length } = changes;
  const numbered = changes.map((change, nth) => ({ change, nth }));
  const placed: { delivery: Delivery; place: number }[] = [
    ...numbered.map(({ change, nth }) => ({
      delivery: { change, signing: 'good' as const },
      place: nth,
    })),
    ...chance.chosen(numbered, duplicates).map(({ change, nth }) => ({
      delivery: { change, signing: 'good' as const },
      // Somewhere behind the first.
      place: nth + (length - nth) * chance.part(),
    })),
    ...chance.chosen(numbered, badSignatures).map(({ change }, nth) => ({
      delivery: {
        change,
        signing: nth % 2 === 0 ? ('wrong-secret' as const) : ('altered-body' as const),
      },
      place: length * chance.part(),
    })),
  ];
  const inOrder = shuffle
    ? chance.shuffled(placed)
    : placed.sort((one, other) => one.place - other.place);
  return inOrder.map(({ delivery }) => delivery);
}
