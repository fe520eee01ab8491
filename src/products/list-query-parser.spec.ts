import { describe, expect, it } from '@jest/globals';

import { Problem } from '../problems/problem.js';
import { encodeCursor } from './cursor.js';
import { parseListQuery } from './list-query-parser.js';
import { listingPath } from './listing.js';

/** Of the listing by price, descending. */
const CURSOR = encodeCursor({ id: '7', value: '8.00' }, 'price', 'desc');

const parse = (encoded: string) => parseListQuery({ encoded });

function problemOf(encoded: string): Problem {
  try {
    parse(encoded);
  } catch (error) {
    if (error instanceof Problem) {
      return error;
    }
    throw error;
  }
  throw new Error(`accepted: ${encoded}`);
}

describe(parseListQuery.name, () => {
  it('fills in the defaults', () => {
    expect(parse('')).toEqual({ limit: 20, sort: 'id', order: 'asc' });
  });

  it('reads every parameter', () => {
    expect(
      parse(
        `limit=7&sort=price&order=desc&category=Leafy%20Greens&minPrice=5&maxPrice=10.5&cursor=${CURSOR}`,
      ),
    ).toEqual({
      limit: 7,
      sort: 'price',
      order: 'desc',
      category: 'Leafy Greens',
      minPrice: '5.00',
      maxPrice: '10.50',
      cursor: { id: '7', value: '8.00' },
    });
  });

  it.each([
    ['limit=20&sort=id&order=asc', ''],
    ['minPrice=5&category=A%42C', 'category=ABC&minPrice=5.00'],
    ['category=Leafy+Greens', 'category=Leafy%20Greens'],
    ['maxPrice=5.5', '&maxPrice=5.50&'],
    [`sort=price&order=desc&cursor=${CURSOR}`, `cursor=${CURSOR}&order=desc&sort=price`],
  ])('parses %j and %j as the same listing, with the same path', (one, other) => {
    expect(parse(one)).toEqual(parse(other));
    expect(listingPath(parse(one))).toBe(listingPath(parse(other)));
  });

  it.each([
    ['limit=0', 'limit'],
    ['limit=101', 'limit'],
    ['limit=1e1', 'limit'],
    ['limit=-0', 'limit'],
    ['limit=%EF%BC%90', 'limit'],
    ['limit=5.0', 'limit'],
    ['limit=020', 'limit'],
    [`limit=${'9'.repeat(400)}`, 'limit'],
    ['limit=', 'limit'],
    ['limit', 'limit'],
    ['limit=1&limit=2', 'limit'],
    ['limit[]=1', 'limit[]'],
    ['sort=created', 'sort'],
    ['sort=__proto__', 'sort'],
    ['order=ASC', 'order'],
    ['category=%00', 'category'],
    [`category=${'x'.repeat(101)}`, 'category'],
    [`category=${'x'.repeat(10_000)}`, 'category'],
    ['minPrice=-1', 'minPrice'],
    ['minPrice=1e3', 'minPrice'],
    ['minPrice=1.234', 'minPrice'],
    ['minPrice=.5', 'minPrice'],
    ['minPrice=NaN', 'minPrice'],
    ['maxPrice=10000000000', 'maxPrice'],
    ['maxPrice=%2B5', 'maxPrice'],
    ['minPrice=5.01&maxPrice=5', 'minPrice'],
    [`cursor=${'x'.repeat(2049)}`, 'cursor'],
    ['page=2', 'page'],
    ['__proto__=1', '__proto__'],
    ['constructor=1', 'constructor'],
    ['hasOwnProperty=1', 'hasOwnProperty'],
  ])('rejects %s and names the parameter', (encoded, parameter) => {
    const { slug, errors } = problemOf(encoded);
    expect(slug).toBe('validation-failed');
    expect(errors).toEqual([expect.objectContaining({ parameter })]);
  });

  it('reports every invalid parameter at once', () => {
    const { errors } = problemOf('limit=0&sort=x&maxPrice=y');
    expect(errors?.map(({ parameter }) => parameter)).toEqual(['limit', 'sort', 'maxPrice']);
  });

  it('shortens a long parameter name in the problem', () => {
    expect(problemOf(`${'x'.repeat(10_000)}=1`).detail.length).toBeLessThan(120);
  });

  it.each(['category=%ff', 'category=%', 'category=%C3%28', '%ff=1'])(
    'rejects the encoding of %s',
    (encoded) => {
      expect(problemOf(encoded).slug).toBe('malformed-request');
    },
  );

  it('rejects a cursor of another sort', () => {
    expect(problemOf(`sort=name&cursor=${CURSOR}`).slug).toBe('invalid-cursor');
  });

  it('counts characters instead of UTF-16 units', () => {
    expect(problemOf(`category=${encodeURIComponent('🥭'.repeat(101))}`).slug).toBe(
      'validation-failed',
    );
    expect(parse(`category=${encodeURIComponent('🥭'.repeat(100))}`).category).toHaveLength(200);
  });

  it('accepts the ends of each range', () => {
    expect(parse('limit=1').limit).toBe(1);
    expect(parse('limit=100').limit).toBe(100);
    expect(parse('minPrice=0&maxPrice=9999999999.99')).toMatchObject({
      minPrice: '0.00',
      maxPrice: '9999999999.99',
    });
    expect(parse('minPrice=5&maxPrice=5.00').minPrice).toBe('5.00');
  });
});
