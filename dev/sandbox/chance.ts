import { createHash } from 'node:crypto';

import { randomSequence } from '../../src/seed/random-sequence.js';

/** Chance that repeats itself: the same decisions in the same order for the same seed. */
export class Chance {
  private readonly draw: () => number;

  constructor(seed: number) {
    // All of the seed counts, not only the 32 bits that draws begin with.
    this.draw = randomSequence(createHash('sha256').update(String(seed)).digest().readInt32BE());
  }

  /** A number from 0 to below 1. */
  part(): number {
    return this.draw() / 2 ** 32;
  }

  /** An integer from 0 to below the limit. */
  below(limit: number): number {
    return Math.floor(this.part() * limit);
  }

  /** The same items in any order. */
  shuffled<Item>(items: readonly Item[]): Item[] {
    return items
      .map((item) => ({ item, place: this.part() }))
      .sort((one, other) => one.place - other.place)
      .map(({ item }) => item);
  }

  /** Exactly this share of the items, rounded to a whole number, as they stood. */
  chosen<Item>(items: readonly Item[], share: number): Item[] {
    const places = this.shuffled([...items.keys()]).slice(0, Math.round(items.length * share));
    const chosen = new Set(places);
    return items.filter((_, place) => chosen.has(place));
  }
}
