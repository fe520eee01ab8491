import { describe, expect, it } from '@jest/globals';

import { readStock } from './stock.js';

const BODY = { sku: 'OKRA-1', quantity: 12, asOf: '2026-11-23T06:30:00.123Z' };

describe(readStock.name, () => {
  it('returns quantity and time, and ignores unknown fields', () => {
    expect(readStock({ ...BODY, warehouse: 'Pune' }, 'OKRA-1')).toEqual({
      quantity: 12,
      asOf: '2026-11-23T06:30:00.123Z',
    });
  });

  it.each([
    ['2026-11-23T12:00:00+05:30', '2026-11-23T06:30:00.000Z'],
    ['2026-11-23T06:30:00Z', '2026-11-23T06:30:00Z'],
  ])('converts %s to UTC', (asOf, expected) => {
    expect(readStock({ ...BODY, asOf }, 'OKRA-1')?.asOf).toBe(expected);
  });

  it.each([0, 0.5, Number.MAX_SAFE_INTEGER])('accepts the quantity %d', (quantity) => {
    expect(readStock({ ...BODY, quantity }, 'OKRA-1')?.quantity).toBe(quantity);
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a string', 'many'],
    ['an array', [BODY]],
    ['another sku', { ...BODY, sku: 'OKRA-2' }],
    ['no sku', { quantity: 12, asOf: BODY.asOf }],
    ['a quantity in words', { ...BODY, quantity: '12' }],
    ['a negative quantity', { ...BODY, quantity: -1 }],
    ['no quantity', { ...BODY, quantity: null }],
    ['an infinite quantity', { ...BODY, quantity: Infinity }],
    ['a day that does not exist', { ...BODY, asOf: '2026-13-23T06:30:00Z' }],
    ['a time without a zone', { ...BODY, asOf: '2026-11-23T06:30:00' }],
    ['a time as a number', { ...BODY, asOf: 1_795_415_400 }],
  ])('rejects %s', (_, body) => {
    expect(readStock(body, 'OKRA-1')).toBeUndefined();
  });
});
