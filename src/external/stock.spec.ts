import { describe, expect, it } from '@jest/globals';

import { readStock } from './stock.js';

const ANSWER = { sku: 'OKRA-1', quantity: 12, asOf: '2026-11-23T06:30:00.123Z' };

describe(readStock.name, () => {
  it('takes an answer as it is, and ignores what it does not know', () => {
    expect(readStock({ ...ANSWER, warehouse: 'Pune' }, 'OKRA-1')).toEqual({
      quantity: 12,
      asOf: '2026-11-23T06:30:00.123Z',
    });
  });

  it.each([
    ['2026-11-23T12:00:00+05:30', '2026-11-23T06:30:00.000Z'],
    ['2026-11-23T06:30:00Z', '2026-11-23T06:30:00Z'],
  ])('gives %s in UTC', (asOf, expected) => {
    expect(readStock({ ...ANSWER, asOf }, 'OKRA-1')?.asOf).toBe(expected);
  });

  it.each([0, 0.5, Number.MAX_SAFE_INTEGER])('takes a quantity of %d', (quantity) => {
    expect(readStock({ ...ANSWER, quantity }, 'OKRA-1')?.quantity).toBe(quantity);
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'many'],
    ['an array', [ANSWER]],
    ['another sku', { ...ANSWER, sku: 'OKRA-2' }],
    ['no sku', { quantity: 12, asOf: ANSWER.asOf }],
    ['a quantity in words', { ...ANSWER, quantity: '12' }],
    ['a negative quantity', { ...ANSWER, quantity: -1 }],
    ['no quantity', { ...ANSWER, quantity: null }],
    ['an endless quantity', { ...ANSWER, quantity: Infinity }],
    ['a day that does not exist', { ...ANSWER, asOf: '2026-13-23T06:30:00Z' }],
    ['a time without a zone', { ...ANSWER, asOf: '2026-11-23T06:30:00' }],
    ['a time as a number', { ...ANSWER, asOf: 1_795_415_400 }],
  ])('does not take %s', (_, answer) => {
    expect(readStock(answer, 'OKRA-1')).toBeUndefined();
  });
});
