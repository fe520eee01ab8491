import { describe, expect, it } from '@jest/globals';

import { readTimestamp } from './timestamp.js';

describe(readTimestamp.name, () => {
  it.each([
    ['2026-11-23T06:30:00Z', '2026-11-23T06:30:00.000Z'],
    ['2026-11-23T12:00:00.5+05:30', '2026-11-23T06:30:00.500Z'],
    ['2026-11-23t06:30:00.123456z', '2026-11-23T06:30:00.123Z'],
    ['2024-02-29T00:00:00-00:00', '2024-02-29T00:00:00.000Z'],
  ])('reads %s', (text, expected) => {
    expect(readTimestamp(text)?.toISOString()).toBe(expected);
  });

  it.each([
    '',
    'now',
    '2026-11-23',
    '2026-11-23T06:30:00',
    '2026-11-23 06:30:00Z',
    '2026-02-29T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-00-01T00:00:00Z',
    '2026-01-00T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:60:00Z',
    '2026-01-01T00:00:00+24:00',
    '20260101T000000Z',
    'Mon, 23 Nov 2026 06:30:00 GMT',
  ])('does not read %j', (text) => {
    expect(readTimestamp(text)).toBeUndefined();
  });
});
