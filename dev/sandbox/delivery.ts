import type { CatalogEvent } from './catalog-event.js';
import type { EmitRunOptions } from './emit-options.js';
import { sample, shuffle } from './random.js';

/** Whether a delivery is signed correctly; if not, what is wrong with its signature. */
export type Signature = 'valid' | 'wrong-secret' | 'altered-body';

/** An event to send until the receiver accepts it. */
export interface Delivery {
  readonly event: CatalogEvent;
  readonly signature: Signature;
}

/** Lists the deliveries of a run in the order of sending: every event, the duplicates, and the badly signed ones. */
export function makeDeliveries(
  events: readonly CatalogEvent[],
  { duplicates, badSignatures, shuffle: shuffled }: EmitRunOptions,
): Delivery[] {
  const numbered = events.map((event, index) => ({ event, index }));
  const placed: (Delivery & { place: number })[] = [
    ...numbered.map(({ event, index }) => ({ event, signature: 'valid' as const, place: index })),
    ...sample(numbered, duplicates).map(({ event, index }) => ({
      event,
      signature: 'valid' as const,
      // A duplicate follows its original.
      place: index + (events.length - index) * Math.random(),
    })),
    ...sample(numbered, badSignatures).map(({ event }, index) => ({
      event,
      signature: index % 2 === 0 ? ('wrong-secret' as const) : ('altered-body' as const),
      place: events.length * Math.random(),
    })),
  ];
  return shuffled ? shuffle(placed) : placed.sort((a, b) => a.place - b.place);
}
