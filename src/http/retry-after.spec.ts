import { describe, expect, it } from '@jest/globals';

import { retryAfterMs } from './retry-after.js';

function parse(value: string): number | undefined {
  return retryAfterMs(new Headers({ 'Retry-After': value }));
}

describe(retryAfterMs.name, () => {
  it('converts seconds to milliseconds', () => {
    expect(parse('0')).toBe(0);
    expect(parse('120')).toBe(120_000);
  });

  it('limits the delay to five minutes', () => {
    expect(parse('999999999')).toBe(300_000);
    expect(parse('Fri, 31 Dec 9999 23:59:59 GMT')).toBe(300_000);
  });

  it('converts a date, and returns 0 for one in the past', () => {
    const inAMinute = new Date(Date.now() + 60_000).toUTCString();
    expect(parse(inAMinute)).toBeGreaterThan(58_000);
    expect(parse(inAMinute)).toBeLessThanOrEqual(60_000);
    expect(parse('Wed, 21 Oct 2015 07:28:00 GMT')).toBe(0);
  });

  it.each(['', 'soon', '-1', '1.5', '1e3', '99999999999'])(
    'ignores the invalid value %j',
    (value) => {
      expect(parse(value)).toBeUndefined();
    },
  );

  it('returns undefined without the header', () => {
    expect(retryAfterMs(new Headers())).toBeUndefined();
  });
});
