import { describe, expect, it } from '@jest/globals';

import { Problem } from '../problems/problem.js';
import { type CatalogEvent, readEvent } from './catalog-event.js';

const DATA = {
  sku: 'OKRA-1',
  revision: 7,
  name: 'Okra',
  description: '',
  category: 'Vegetables',
  price: '49.50',
  currency: 'INR',
  unit: 'kg',
  producer: 'Asha Farm',
};
const UPSERTED = { type: 'product.upserted', timestamp: '2026-11-23T06:30:00Z', data: DATA };

function read(event: unknown): CatalogEvent {
  return readEvent(Buffer.from(JSON.stringify(event)), 'INR');
}

function problemOf(body: Buffer, currency = 'INR'): Problem | undefined {
  try {
    readEvent(body, currency);
    return undefined;
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
}

/** The names of the invalid parameters. */
function faultsOf(event: unknown): string[] | undefined {
  const problem = problemOf(Buffer.from(JSON.stringify(event)));
  expect(problem?.status ?? 422).toBe(422);
  return problem?.errors?.map(({ parameter }) => parameter);
}

function withData(data: Record<string, unknown>): unknown {
  return { ...UPSERTED, data: { ...DATA, ...data } };
}

describe(readEvent.name, () => {
  it('reads a product and ignores unknown fields', () => {
    expect(read(withData({ latitude: 18.5, longitude: 73.8, colour: 'green' }))).toEqual({
      type: 'product.upserted',
      product: { ...DATA, latitude: 18.5, longitude: 73.8 },
    });
  });

  it('reads a deletion', () => {
    const data = { sku: 'OKRA-1', revision: 0, name: 5 };
    expect(read({ ...UPSERTED, type: 'product.deleted', data })).toEqual({
      type: 'product.deleted',
      product: { sku: 'OKRA-1', revision: 0 },
    });
  });

  it.each([[{ type: 'product.renamed' }], [{ type: 'x', data: 5, timestamp: null }]])(
    'reads %j as an event of an unknown type',
    (event) => {
      expect(read(event)).toEqual({ type: event.type });
    },
  );

  it.each([
    ['an empty body', ''],
    ['truncated JSON', '{"type":'],
    ['two JSON values', '{}{}'],
    ['a comment', '{/**/}'],
    ['a trailing comma', '{"type":"x",}'],
  ])('rejects %s as malformed', (_, text) => {
    expect(problemOf(Buffer.from(text))?.slug).toBe('malformed-request');
  });

  it('rejects bytes that are not UTF-8 as malformed', () => {
    const bytes = Buffer.from(JSON.stringify(withData({ name: 'Okr\xe4' })), 'latin1');
    expect(problemOf(bytes)?.slug).toBe('malformed-request');
  });

  it.each<[string, unknown]>([
    ['body', []],
    ['body', null],
    ['body', 'product.upserted'],
    ['type', {}],
    ['type', { type: 5 }],
    ['type', { type: '' }],
    ['type', { type: 'x'.repeat(201) }],
    ['type', { type: 'a\0' }],
    ['timestamp', { ...UPSERTED, timestamp: undefined }],
    ['timestamp', { ...UPSERTED, timestamp: 'today' }],
    ['timestamp', { ...UPSERTED, timestamp: 1_795_415_400 }],
    ['data', { ...UPSERTED, data: undefined }],
    ['data', { ...UPSERTED, data: [DATA] }],
  ])('names the invalid field %s in %j', (parameter, event) => {
    expect(faultsOf(event)).toEqual([parameter]);
  });

  it.each<[string, unknown[]]>([
    ['sku', [undefined, null, '', 5, 'x'.repeat(201), 'a\0b', '\ud800', ['OKRA-1']]],
    ['revision', [undefined, null, '7', -1, 1.5, 2 ** 53, 1e300, true]],
    ['name', [undefined, '', 'x'.repeat(201), '🥬'.repeat(201)]],
    ['description', [undefined, null, 'x'.repeat(5001)]],
    ['category', [undefined, '', 'x'.repeat(101)]],
    [
      'price',
      [undefined, 49.5, '49.5', '49', '-1.00', '1e3', '049.50', '10000000000.00', '١٠.٠٠', ''],
    ],
    ['currency', [undefined, null, 'USD', 'inr', ' INR', 'RUPEE', '₹', 5, ['INR']]],
    ['unit', [undefined, '', 'x'.repeat(201)]],
    ['producer', [undefined, '', 'x'.repeat(201)]],
  ])('names data.%s when it is invalid', (field, values) => {
    for (const value of values) {
      expect(faultsOf(withData({ [field]: value }))).toEqual([`data.${field}`]);
    }
  });

  it.each<[string, unknown[]]>([
    ['sku', ['x', 'x'.repeat(200), '🥬'.repeat(200), ' ']],
    ['revision', [0, 2 ** 53 - 1]],
    ['description', ['', 'x'.repeat(5000)]],
    ['category', ['x'.repeat(100)]],
    ['price', ['0.00', '9999999999.99']],
  ])('accepts data.%s up to its bounds', (field, values) => {
    for (const value of values) {
      expect(faultsOf(withData({ [field]: value }))).toBeUndefined();
    }
  });

  it.each<[unknown, unknown, string[] | undefined]>([
    [undefined, undefined, undefined],
    [null, null, undefined],
    [-90, -180, undefined],
    [90, 180, undefined],
    [90.1, 0, ['data.latitude']],
    [0, -180.1, ['data.longitude']],
    ['18.5', 0, ['data.latitude']],
    [null, 73.8, ['data.latitude']],
    [18.5, undefined, ['data.longitude']],
  ])('given the coordinates %j, %j, names the invalid fields %j', (latitude, longitude, faults) => {
    expect(faultsOf(withData({ latitude, longitude }))).toEqual(faults);
  });

  it.each(['INR', 'EUR', 'JPY'])(
    'accepts prices only in the currency of the catalog: %s',
    (currency) => {
      for (const given of ['INR', 'EUR', 'JPY', 'USD']) {
        const body = Buffer.from(JSON.stringify(withData({ currency: given })));
        const errors = [
          {
            parameter: 'data.currency',
            message: `must be ${currency}, the currency of this catalog`,
          },
        ];
        if (given === currency) {
          expect(readEvent(body, currency).product).toMatchObject({ currency });
        } else {
          expect(problemOf(body, currency)).toMatchObject({ status: 422, errors });
        }
      }
    },
  );

  it('ignores the currency of a deletion', () => {
    const data = { sku: 'OKRA-1', revision: 8, currency: 'USD' };
    expect(faultsOf({ ...UPSERTED, type: 'product.deleted', data })).toBeUndefined();
  });

  it('names every invalid field at once', () => {
    expect(faultsOf({ type: 'product.upserted', data: { sku: '', price: 5 } })?.sort()).toEqual([
      'data.category',
      'data.currency',
      'data.description',
      'data.name',
      'data.price',
      'data.producer',
      'data.revision',
      'data.sku',
      'data.unit',
      'timestamp',
    ]);
  });

  it.each([
    ['at the top', '{"__proto__":null,"type":"x"}'],
    ['in data', JSON.stringify(UPSERTED).replace('"sku"', '"__proto__":{"sku":"X"},"sku"')],
    ['in an unknown field', '{"type":"x","more":[[{"a":{"__proto__":1}}]]}'],
    ['in an array', '[{"__proto__":{}}]'],
    ['written with escapes', '{"type":"x","\\u005f_pr\\u006Fto__" : {}}'],
    ['as constructor.prototype', '{"type":"x","more":{"constructor":{"prototype":{}}}}'],
  ])('rejects a prototype %s as malformed', (_, text) => {
    expect(problemOf(Buffer.from(text))?.slug).toBe('malformed-request');
  });

  it('accepts fields named like members of Object.prototype', () => {
    const event = withData({ constructor: 5, toString: {}, hasOwnProperty: { prototype: 1 } });
    expect(read(event).product).toEqual(DATA);
    const named = withData({ name: '"__proto__":', unit: '__proto__' });
    expect(read(named).product).toMatchObject({ name: '"__proto__":', unit: '__proto__' });
  });
});
