import * as fc from 'fast-check';

import type { Operation, Parameter } from './openapi.js';

/** A method and a path of the service. */
export interface Target {
  readonly method: string;
  /** With parameters in braces. */
  readonly path: string;
  readonly operation?: Operation;
}

/** Parts of paths and parameter values, as sent. */
const TEXTS = [
  ...['', '.', '..', '...', '%2e%2e', '%2e%2e%2f', '..%2f..%2fetc%2fpasswd', '..%5c', '\\'],
  ...['%', '%2', '%zz', '%00', '%ff', '%c0%af', '%c1%9c', '%ed%a0%80', '%f8%88%80%80%80', '%f0%9f'],
  ...['%2500', '%252e%252e', '%2f', '%25', '%3f', '%23', '%0d%0aX-A:%20b', '%20', '+', '%09'],
  ...[';', ';a=b', '*', ':id', '{id}', '**', '~', '@', '"<>^`{|}', "'%20OR%201=1--", '${7*7}'],
  ...['__proto__', 'constructor', 'prototype', 'undefined', 'null', 'NaN', 'true', 'availability'],
  ...['0', '1', '-1', '-0', '+1', '01', '1.0', '1e3', '0x1', '1n', '%31', '%EF%BC%91', '%D9%A1'],
  ...['9223372036854775807', '9223372036854775808', '9'.repeat(99), '9'.repeat(100)],
  ...['9'.repeat(101), 'a'.repeat(300), '%61'.repeat(200), 'a'.repeat(3000), '/'.repeat(200)],
];

/** Text of a path or a query, as sent. */
const text = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...TEXTS) },
  {
    weight: 1,
    arbitrary: fc.string({ unit: 'binary', maxLength: 60 }).map(encodeURIComponent),
  },
  { weight: 1, arbitrary: fc.stringMatching(/^[!$'()*,./:;=@\w\\|~+%-]{0,40}$/) },
);

/** A valid value of a parameter by its schema. */
function validValue({ name, schema }: Parameter, cursors: readonly string[]): fc.Arbitrary<string> {
  const { enum: choices } = schema.allOf?.[0] ?? schema;
  if (choices !== undefined) return fc.constantFrom(...choices);
  if (name === 'cursor') return fc.constantFrom(...cursors);
  if (schema.pattern !== undefined) return fc.stringMatching(new RegExp(schema.pattern));
  if (schema.type === 'integer') {
    const { minimum: min = 0, maximum: max = 1000 } = schema;
    return fc.integer({ min, max }).map(String);
  }
  return fc.oneof(
    fc.constant('Vegetables'),
    fc
      .string({ unit: 'binary', minLength: 1, maxLength: (schema.maxLength ?? 100) / 2 })
      .filter((value) => !value.includes('\0'))
      .map(encodeURIComponent),
  );
}

/** Queries with valid, invalid, repeated and unknown parameters. */
export function hostileQuery(
  { operation }: Target,
  cursors: readonly string[],
): fc.Arbitrary<string> {
  const parameters = (operation?.parameters ?? []).filter((parameter) => parameter.in === 'query');
  const valid = parameters.map((parameter) =>
    validValue(parameter, cursors).map((value) => `${parameter.name}=${value}`),
  );
  const name = fc.oneof(
    fc.constantFrom('limit', 'cursor', 'a[]', 'limit[]', 'limit[$gt]', '__proto__', 'constructor'),
    fc.constantFrom('constructor[prototype][a]', 'toString', ...parameters.map((it) => it.name)),
    text,
  );
  const odd = fc.oneof(
    fc.tuple(name, text).map(([key, value]) => `${key}=${value}`),
    fc.constantFrom('', '&', '=', '?', '%', 'limit', '=1', 'limit==1', 'a'.repeat(2000)),
  );
  const some = fc.subarray(valid).chain((pairs) => fc.tuple(...pairs));
  return fc
    .oneof(
      { weight: 4, arbitrary: fc.constant<string[]>([]) },
      { weight: 6, arbitrary: some },
      {
        weight: 3,
        arbitrary: fc.tuple(some, fc.array(odd, { maxLength: 3 })).map((parts) => parts.flat()),
      },
      { weight: 1, arbitrary: some.map((pairs) => [...pairs, ...pairs.slice(0, 1)]) },
    )
    .map((pairs) => (pairs.length === 0 ? '' : `?${pairs.join('&')}`));
}

/** The path of a target, similar paths, and arbitrary ones. */
export function hostilePath(target: Target): fc.Arbitrary<string> {
  const ids = fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 1, max: 60 }).map(String) },
    ...(target.operation?.parameters ?? [])
      .filter((parameter) => parameter.in === 'path')
      .map((parameter) => ({ weight: 1, arbitrary: validValue(parameter, []) })),
  );
  const filled = (id: fc.Arbitrary<string>) =>
    target.path.includes('{id}')
      ? id.map((value) => target.path.replace('{id}', () => value))
      : fc.constant(target.path);
  return fc.oneof(
    { weight: 14, arbitrary: filled(ids) },
    { weight: 4, arbitrary: filled(text) },
    { weight: 1, arbitrary: fc.tuple(filled(ids), text).map(([plain, end]) => plain + end) },
    {
      weight: 1,
      arbitrary: fc.tuple(text, filled(ids)).map(([start, plain]) => `/${start}${plain}`),
    },
    { weight: 1, arbitrary: filled(ids).map((plain) => plain.toUpperCase()) },
    {
      weight: 1,
      arbitrary: fc.tuple(filled(ids), fc.nat(), fc.constantFrom('%', '%25')).map(
        // One letter is percent-encoded, once or twice.
        ([plain, at, sign]) =>
          plain.replace(/[a-z]/g, (letter, offset: number) =>
            offset === at % plain.length ? sign + letter.charCodeAt(0).toString(16) : letter,
          ),
      ),
    },
    {
      weight: 1,
      arbitrary: fc.array(text, { maxLength: 5 }).map((segments) => `/${segments.join('/')}`),
    },
  );
}
