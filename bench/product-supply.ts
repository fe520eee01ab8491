import type { Catalogue } from './catalogue.js';

/** A product whose stock is asked for. */
export interface Product {
  readonly id: string;
  /** Whether the inventory has answered about it before: then there is something to fall back on. */
  readonly known: boolean;
}

const KNOWN = 1000;
const UNKNOWN = 15_000;

/** Products to ask the stock of, of two kinds: known ones, in turns, and ones that nobody has ever asked about. */
export class ProductSupply {
  private turn = 0;
  private mixed = 0;

  private constructor(
    private readonly known: readonly Product[],
    private readonly unknown: Product[],
  ) {}

  static async of(catalogue: Catalogue): Promise<ProductSupply> {
    const ids = await catalogue.ids(KNOWN + UNKNOWN);
    const products = ids.map((id, nth) => ({ id, known: nth < KNOWN }));
    return new ProductSupply(products.slice(0, KNOWN), products.slice(KNOWN));
  }

  /** How many known ones there are: after so many the first comes again. */
  get round(): number {
    return this.known.length;
  }

  /** One that is known, or becomes so by being asked about. */
  nextKnown(): Product {
    const product = this.known[this.turn++ % this.known.length];
    if (product === undefined) {
      throw new RangeError('There are no products');
    }
    return product;
  }

  /** One that nobody has asked about; each is given once. */
  nextUnknown(): Product {
    const product = this.unknown.pop();
    if (product === undefined) {
      throw new RangeError('All products have been asked about');
    }
    return product;
  }

  /** One of the other kind than the last. */
  next(): Product {
    return this.mixed++ % 2 === 0 ? this.nextKnown() : this.nextUnknown();
  }
}
