import { isId, MAX_ID } from '../http/id.pipe.js';
import { Problem } from '../problems/problem.js';
import { NAME_MAX_LENGTH, PRICE_PATTERN } from './product-rules.js';
import type { Order, Sort } from './sort.js';

/** A position in a listing: the sort value and the id of the last row seen. */
export interface Cursor {
  readonly id: string;
  /** The sort value as text. Undefined in the default sort, where the id is the sort value. */
  readonly value?: string;
}

export const CURSOR_MAX_LENGTH = 2048;

const TIMESTAMP = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/;
/** A character has one or two UTF-16 units. */
const MAX_NAME_UNITS = 2 * NAME_MAX_LENGTH;

/** Whether PostgreSQL accepts a text as the sort value of a row. */
const IS_SORT_VALUE: Record<Exclude<Sort, 'id'>, (value: string) => boolean> = {
  price: (value) => PRICE_PATTERN.test(value),
  name: (value) => value.length <= MAX_NAME_UNITS && !value.includes('\0') && value.isWellFormed(),
  created_at: (value) => TIMESTAMP.test(value) && isDate(value),
};

/** The cursor as clients send it: the plain id in the default sort, an opaque token in the other sorts. */
export function encodeCursor({ id, value }: Cursor, sort: Sort, order: Order): string {
  return sort === 'id'
    ? id
    : Buffer.from(JSON.stringify([sort, order, value, id])).toString('base64url');
}

/**
 * Decodes a cursor of a listing with this sort and order.
 *
 * @throws Problem `invalid-cursor` when it is malformed or belongs to another sort or order.
 */
export function decodeCursor(text: string, sort: Sort, order: Order): Cursor {
  if (sort === 'id') {
    if (!isId(text)) {
      throw invalidCursor(
        parseToken(text) === undefined
          ? `it must be the id of the last product seen, an integer from 0 to ${MAX_ID}.`
          : 'it comes from a listing with another sort.',
      );
    }
    return { id: text };
  }
  const token = parseToken(text);
  if (token === undefined) {
    throw invalidCursor(
      isId(text)
        ? `a plain id belongs to the default sort, and this listing is sorted by ${sort}.`
        : 'it is not a nextCursor of this service.',
    );
  }
  const [tokenSort, tokenOrder, value, id] = token;
  if (tokenSort !== sort || tokenOrder !== order) {
    throw invalidCursor('it comes from a listing with another sort or order.');
  }
  if (!IS_SORT_VALUE[sort](value) || !isId(id)) {
    throw invalidCursor('it is not a nextCursor of this service.');
  }
  return { id, value };
}

type Token = [sort: string, order: string, value: string, id: string];

function parseToken(text: string): Token | undefined {
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

/** Rejects dates such as 30 February, which match the pattern and which `Date` would move to March. */
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
