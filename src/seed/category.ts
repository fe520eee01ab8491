/** What a good is called, what its price is for, and the least and highest price in whole rupees. */
export type Good = readonly [name: string, unit: string, least: number, highest: number];

/**
 * A category of the sample catalogue and the parts its products are built from. In texts `{good}`,
 * `{city}` and `{family}` stand for the product's good, the city it is grown around and a surname.
 */
export interface Category {
  readonly name: string;
  /** Products of this category among a thousand. */
  readonly share: number;
  readonly goods: readonly Good[];
  /** Words that may stand before the good's name. */
  readonly qualities: readonly string[];
  /** Words that may stand behind it. */
  readonly finishes: readonly string[];
  readonly producers: readonly string[];
  /** The first sentence of a description. */
  readonly origins: readonly string[];
  /** The second one, which not every product has. */
  readonly hints: readonly string[];
}
