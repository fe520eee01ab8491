/**
 * The limits of a product's fields, which the migrations repeat as CHECK constraints. Lengths count characters (code
 * points), as PostgreSQL's `char_length` does. Every text but the description has at least one character.
 */
export const SKU_MAX_LENGTH = 200;
export const NAME_MAX_LENGTH = 200;
export const DESCRIPTION_MAX_LENGTH = 5000;
export const CATEGORY_MAX_LENGTH = 100;
export const UNIT_MAX_LENGTH = 200;
export const PRODUCER_MAX_LENGTH = 200;

/** Highest price, in the catalog's currency. The lowest is 0. */
export const MAX_PRICE = '9999999999.99';
/** A price as the service writes it: exactly two decimal places. */
export const PRICE_PATTERN = /^(0|[1-9]\d{0,9})\.\d{2}$/;
/** A price as a client may write a bound: at most two decimal places. */
export const PRICE_BOUND_PATTERN = /^(0|[1-9]\d{0,9})(\.\d{1,2})?$/;
/** ISO 4217. */
export const CURRENCY_PATTERN = /^[A-Z]{3}$/;

/** WGS 84 degrees, to either side of 0. */
export const MAX_LATITUDE = 90;
export const MAX_LONGITUDE = 180;

/** Highest revision: the largest integer that every JSON parser reads exactly. The lowest is 0. */
export const MAX_REVISION = Number.MAX_SAFE_INTEGER;
