/** Returns the items in random order. */
export function shuffle<Item>(items: readonly Item[]): Item[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

/** Picks this share of the items at random, rounded to a whole number. */
export function sample<Item>(items: readonly Item[], share: number): Item[] {
  return shuffle(items).slice(0, Math.round(items.length * share));
}
