import { describe, expect, it } from '@jest/globals';

import { retryAfterMs } from './retry-after.js';

function of(value: string): number | undefined {
  return retryAfterMs(new Headers({ 'Retry-After': value }));
}

describe(retryAfterMs.name, () => {
  it('reads seconds', () => {
    expect(of('0')).toBe(0);
    expect(of('120')).toBe(120_000);
  });

  it('is five minutes at most', () => {
    expect(of('999999999')).toBe(300_000);
    expect(of('Fri, 31 Dec 9999 23:59:59 GMT')).toBe(300_000);
  });

  it('reads a date; one that is past is no wait', () => {
    const inAMinute = new Date(Date.now() + 60_000).toUTCString();
    expect(of(inAMinute)).toBeGreaterThan(58_000);
    expect(of(inAMinute)).toBeLessThanOrEqual(60_000);
    expect(of('Wed, 21 Oct 2015 07:28:00 GMT')).toBe(0);
  });

  it.each(['', 'soon', '-1', '1.5', '1e3', '99999999999'])('makes nothing of %j', (value) => {
    expect(of(value)).toBeUndefined();
  });

  it('makes nothing of nothing', () => {
    expect(retryAfterMs(new Headers())).toBeUndefined();
  });
});
