import { validateSync } from 'class-validator';
import { parse as parseJson } from 'secure-json-parse';

import { readTimestamp } from '../http/rfc3339-timestamp.js';
import { type ParameterFault, Problem, unprocessable } from '../problems/problem.js';
import { DeletedProduct, UpsertedProduct } from './catalog-event.dto.js';
import { isStorableText } from './storable-text.js';

/** The types of events that change the catalog. Events of other types are recorded and ignored. */
export const EVENT_TYPES = ['product.upserted', 'product.deleted'] as const;
export const MAX_TYPE_LENGTH = 200;

/** A valid event. Without a `product` its type is unknown. */
export type CatalogEvent =
  | { readonly type: 'product.upserted'; readonly product: UpsertedProduct }
  | { readonly type: 'product.deleted'; readonly product: DeletedProduct }
  | { readonly type: string; readonly product?: undefined };

/**
 * Parses and validates the body of an event. Ignores unknown fields, so that a partner can add some.
 *
 * @param currency the catalog's currency.
 * @throws Problem `malformed-request` when the body is not JSON in UTF-8, or could pollute a prototype.
 * @throws Problem `validation-failed`, with status 422, that names every invalid field.
 */
export function readEvent(body: Buffer, currency: string): CatalogEvent {
  const event = parse(body);
  if (!isRecord(event)) {
    throw unprocessable({ parameter: 'body', message: 'must be a JSON object' });
  }
  const { type, timestamp, data } = event;
  if (!isStorableText(type, 1, MAX_TYPE_LENGTH)) {
    throw unprocessable({
      parameter: 'type',
      message: `must be a string of 1 to ${MAX_TYPE_LENGTH} characters`,
    });
  }
  if (type !== 'product.upserted' && type !== 'product.deleted') {
    return { type };
  }
  const product = type === 'product.upserted' ? new UpsertedProduct() : new DeletedProduct();
  const faults = [
    ...(typeof timestamp === 'string' && readTimestamp(timestamp) !== undefined
      ? []
      : [{ parameter: 'timestamp', message: 'must be an RFC 3339 date and time' }]),
    ...(isRecord(data)
      ? validate(assignFields(product, data), currency)
      : [{ parameter: 'data', message: 'must be an object' }]),
  ];
  const [first, ...others] = faults;
  if (first !== undefined) {
    throw unprocessable(first, ...others);
  }
  return { type, product } as CatalogEvent;
}

function parse(body: Buffer): unknown {
  try {
    return parseJson(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (cause) {
    throw new Problem(
      'malformed-request',
      'The body is not JSON in UTF-8, or contains __proto__ or constructor.prototype.',
      { cause },
    );
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Copies the fields that the product's class declares. */
function assignFields(
  product: DeletedProduct,
  data: Readonly<Record<string, unknown>>,
): DeletedProduct {
  for (const field of Object.keys(product)) {
    if (Object.hasOwn(data, field)) {
      Object.assign(product, { [field]: data[field] });
    }
  }
  return product;
}

function validate(product: DeletedProduct, currency: string): ParameterFault[] {
  const faults = validateSync(product, { stopAtFirstError: true }).map(
    ({ property, constraints = {} }) => ({
      parameter: `data.${property}`,
      message: Object.values(constraints)[0] ?? 'is not valid',
    }),
  );
  if (product instanceof UpsertedProduct && product.currency !== currency) {
    // Prices in two currencies could not be sorted together.
    const message = `must be ${currency}, the currency of this catalog`;
    faults.push({ parameter: 'data.currency', message });
  }
  return faults;
}
