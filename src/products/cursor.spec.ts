import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { Problem } from '../problems/problem.js';
import { decodeCursor, encodeCursor } from './cursor.js';
import { ORDERS, type Sort, SORTS } from './sort.js';

function token(...parts: unknown[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

function rejection(text: string, sort: Sort): string {
  try {
    decodeCursor(text, sort, 'asc');
  } catch (error) {
    if (error instanceof Problem && error.slug === 'invalid-cursor') {
      return error.detail;
    }
    throw error;
  }
  return 'accepted';
}

const id = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }).map(String);
const values: Record<Exclude<Sort, 'id'>, fc.Arbitrary<string>> = {
  price: fc.integer({ min: 0, max: 999_999_999_999 }).map((paise) => (paise / 100).toFixed(2)),
  name: fc.string({ unit: 'grapheme', maxLength: 30 }).filter((name) => !name.includes('\0')),
  created_at: fc
    .tuple(
      fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
      fc.integer({ min: 0, max: 999 }),
    )
    .map(([date, micros]) =>
      date.toISOString().replace('Z', `${String(micros).padStart(3, '0')}Z`),
    ),
};

describe('A cursor', () => {
  it('is decoded as it was encoded, in every sort and order', () => {
    fc.assert(
      fc.property(
        id,
        fc.constantFrom(...ORDERS),
        fc.record(values),
        fc.constantFrom(...SORTS),
        (rowId, order, sortValues, sort) => {
          const cursor = sort === 'id' ? { id: rowId } : { id: rowId, value: sortValues[sort] };
          expect(decodeCursor(encodeCursor(cursor, sort, order), sort, order)).toEqual(cursor);
        },
      ),
    );
  });

  it('is URL-safe', () => {
    expect(encodeCursor({ id: '1', value: 'Ω≈ç√?/+ &' }, 'name', 'asc')).toMatch(/^[\w-]+$/);
  });

  it.each(['', '-1', '-0', '+1', '1e3', '1.0', '０', ' 1', '01', '9223372036854775808', 'abc'])(
    'is rejected in the default sort: %j',
    (text) => {
      expect(rejection(text, 'id')).toContain('must be the id of the last product seen');
    },
  );

  it('is any bigint in the default sort', () => {
    expect(rejection('0', 'id')).toBe('accepted');
    expect(rejection('9223372036854775807', 'id')).toBe('accepted');
  });

  it('is rejected in another sort or order, with the reason', () => {
    expect(rejection('20', 'price')).toContain('a plain id belongs to the default sort');
    expect(rejection(token('name', 'asc', 'Okra', '1'), 'price')).toContain(
      'another sort or order',
    );
    expect(rejection(token('price', 'desc', '1.00', '1'), 'price')).toContain(
      'another sort or order',
    );
    expect(rejection(token('price', 'asc', '1.00', '1'), 'id')).toContain('another sort');
  });

  it.each<[Sort, string]>([
    ['price', 'x'],
    ['price', `${token('price', 'asc', '1.00', '1')}=`],
    ['price', token('price', 'asc', '1.00')],
    ['price', token('price', 'asc', 1, '1')],
    ['price', token('price', 'asc', '1', '1')],
    ['price', token('price', 'asc', '-1.00', '1')],
    ['price', token('price', 'asc', 'NaN', '1')],
    ['price', token('price', 'asc', '10000000000.00', '1')],
    ['price', token('price', 'asc', '1.00', '9223372036854775808')],
    ['price', Buffer.from('{}').toString('base64url')],
    ['name', token('name', 'asc', 'a\0b', '1')],
    ['name', token('name', 'asc', 'x'.repeat(401), '1')],
    ['name', Buffer.from('["name","asc","\\ud800","1"]').toString('base64url')],
    ['created_at', token('created_at', 'asc', '2026-02-30T00:00:00.000000Z', '1')],
    ['created_at', token('created_at', 'asc', '2026-02-03T24:00:00.000000Z', '1')],
    ['created_at', token('created_at', 'asc', '0000-01-01T00:00:00.000000Z', '1')],
    ['created_at', token('created_at', 'asc', '2026-02-03T00:00:00.000Z', '1')],
    ['created_at', token('created_at', 'asc', 'infinity', '1')],
  ])('is rejected when this service did not issue it (%s %s)', (sort, text) => {
    expect(rejection(text, sort)).toContain('not a nextCursor');
  });
});
