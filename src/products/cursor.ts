import { isId } from '../http/id.pipe.js';
import { Problem } from '../problems/problem.js';
import type { Order, Sort } from './listing.js';
import { NAME_MAX_LENGTH, PRICE_PATTERN } from './product-rules.js';

/** A place in a listing: the row last seen, by its sort value and its id. */
export interface Cursor {
  readonly id: string;
  /** The row's sort value as text; absent in the default sort, where the id is the sort value. */
  readonly value?: string;
}

const TIMESTAMP = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/;
/** A character takes one or two UTF-16 units. */
const MAX_NAME_UNITS = 2 * NAME_MAX_LENGTH;

/** Whether a text can be the sort value of a row, so that PostgreSQL takes whatever passes. */
const VALUE_OF: Record<Exclude<Sort, 'id'>, (value: string) => boolean> = {
  price: (value) => PRICE_PATTERN.test(value),
  name: (value) => value.length <= MAX_NAME_UNITS && !value.includes('\0') && value.isWellFormed(),
  created_at: (value) => TIMESTAMP.test(value) && isDate(value),
};

/** The cursor as the client carries it: the plain id in the default sort, an opaque token in the others. */
export function encodeCursor({ id, value }: Cursor, sort: Sort, order: Order): string {
  return sort === 'id'
    ? id
    : Buffer.from(JSON.stringify([sort, order, value, id])).toString('base64url');
}

/**
 * Reads a cursor that belongs to the given sort and order.
 *
 * @throws Problem `invalid-cursor` when it is malformed or comes from another sort or order.
 */
export function decodeCursor(text: string, sort: Sort, order: Order): Cursor {
  if (sort === 'id') {
    if (!isId(text)) {
      throw invalidCursor(
        readToken(text) === undefined
          ? 'it has to be the id of the last product seen, an integer from 0 to 9223372036854775807.'
          : 'it comes from a listing with another sort.',
      );
    }
    return { id: text };
  }
  const token = readToken(text);
  if (token === undefined) {
    throw invalidCursor(
      isId(text)
        ? `a plain id belongs to the default sort, and this listing is sorted by ${sort}.`
        : 'it is not a nextCursor of this service.',
    );
  }
  const [itsSort, itsOrder, value, id] = token;
  if (itsSort !== sort || itsOrder !== order) {
    throw invalidCursor('it comes from a listing with another sort or order.');
  }
  if (!VALUE_OF[sort](value) || !isId(id)) {
    throw invalidCursor('it is not a nextCursor of this service.');
  }
  return { id, value };
}

type Token = [sort: string, order: string, value: string, id: string];

function readToken(text: string): Token | undefined {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.toString('base64url') !== text) {
    return undefined;
  }
  try {
    const token: unknown = JSON.parse(bytes.toString());
    return isToken(token) ? token : undefined;
  } catch {
    return undefined;
  }
}

function isToken(token: unknown): token is Token {
  return (
    Array.isArray(token) && token.length === 4 && token.every((part) => typeof part === 'string')
  );
}

/** Refuses the 30th of February, which the pattern lets through and `Date` would move to March. */
function isDate(timestamp: string): boolean {
  const milliseconds = `${timestamp.slice(0, 23)}Z`;
  const date = new Date(milliseconds);
  return (
    !Number.isNaN(date.getTime()) &&
    date.toISOString() === milliseconds &&
    date.getUTCFullYear() > 0
  );
}

function invalidCursor(why: string): Problem {
  return new Problem('invalid-cursor', `cursor: ${why}`, {
    errors: [{ parameter: 'cursor', message: why }],
  });
}
