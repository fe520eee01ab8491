import data from './sample-catalog.json' with { type: 'json' };

/** The parts of sample products. Adding, removing or reordering an item changes most products. */
interface SampleCatalog {
  /** Their shares add up to 1,000. */
  readonly categories: readonly Category[];
  /** The busiest first. Places within 25 km of each are on land and in India. */
  readonly cities: readonly City[];
  /** Surnames from across India, for the names of producers. */
  readonly surnames: readonly string[];
}

/** A category. In its texts, `{good}`, `{city}` and `{surname}` are placeholders for the values of a product. */
export interface Category {
  readonly name: string;
  /** Products of this category per 1,000. */
  readonly share: number;
  readonly goods: readonly Good[];
  /** Words before the good's name. */
  readonly qualities: readonly string[];
  /** Words after the good's name. */
  readonly finishes: readonly string[];
  readonly producers: readonly string[];
  /** First sentences of a description. */
  readonly origins: readonly string[];
  /** Second sentences of a description, which some products lack. */
  readonly hints: readonly string[];
}

export interface Good {
  readonly name: string;
  /** The unit that the price is for. */
  readonly unit: string;
  /** In whole rupees, like the highest price. */
  readonly minPrice: number;
  readonly maxPrice: number;
}

/** A city and its centre in WGS 84 degrees. */
export interface City {
  readonly name: string;
  readonly latitude: number;
  readonly longitude: number;
}

export const { categories, cities, surnames }: SampleCatalog = data;
