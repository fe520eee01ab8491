import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';

import { LogDeduplicator } from './log-deduplicator.js';

describe(LogDeduplicator.name, () => {
  const tell = jest.fn<(times: number) => void>();
  let flood: LogDeduplicator;

  beforeEach(() => {
    jest.useFakeTimers();
    tell.mockClear();
    flood = new LogDeduplicator();
  });

  afterEach(() => {
    jest.useRealTimers();
  });

  function kept(message: string, times: number): number {
    return Array.from({ length: times }, () => flood.keepsBack(message, tell)).filter(Boolean)
      .length;
  }

  it('lets ten of a message through, keeps back the rest, and tells how many those were', () => {
    expect(kept('down', 1000)).toBe(990);
    expect(tell).not.toHaveBeenCalled();
    jest.advanceTimersByTime(10_001);
    expect(tell.mock.calls).toEqual([[990]]);
    expect(kept('down', 1)).toBe(0);
  });

  it('counts each message by itself', () => {
    expect(kept('down', 10) + kept('up', 10)).toBe(0);
  });

  it('says nothing more of a message that was never kept back', () => {
    expect(kept('down', 10)).toBe(0);
    jest.advanceTimersByTime(20_000);
    expect(tell).not.toHaveBeenCalled();
  });

  it('remembers a bounded number of messages', () => {
    for (let nth = 0; nth < 100_000; nth += 1) flood.keepsBack(`message ${nth}`, tell);
    expect(kept('message 0', 10)).toBe(0);
  });
});
