import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';

import { LogDeduplicator } from './log-deduplicator.js';

describe(LogDeduplicator.name, () => {
  const report = jest.fn<(suppressed: number) => void>();
  let deduplicator: LogDeduplicator;

  beforeEach(() => {
    jest.useFakeTimers();
    report.mockClear();
    deduplicator = new LogDeduplicator();
  });

  afterEach(() => {
    jest.useRealTimers();
  });

  /** Logs a message so many times; returns how many were suppressed. */
  function suppressed(message: string, times: number): number {
    return Array.from({ length: times }, () => deduplicator.shouldSuppress(message, report)).filter(
      Boolean,
    ).length;
  }

  it('logs a message ten times, suppresses the rest of the window, and then reports how many', () => {
    expect(suppressed('down', 1000)).toBe(990);
    expect(report).not.toHaveBeenCalled();
    jest.advanceTimersByTime(10_001);
    expect(report.mock.calls).toEqual([[990]]);
    expect(suppressed('down', 1)).toBe(0);
  });

  it('counts each message separately', () => {
    expect(suppressed('down', 10) + suppressed('up', 10)).toBe(0);
  });

  it('reports nothing about a message that was never suppressed', () => {
    expect(suppressed('down', 10)).toBe(0);
    jest.advanceTimersByTime(20_000);
    expect(report).not.toHaveBeenCalled();
  });

  it('counts a bounded number of messages', () => {
    for (let nth = 0; nth < 100_000; nth += 1) {
      deduplicator.shouldSuppress(`message ${nth}`, report);
    }
    expect(suppressed('message 0', 10)).toBe(0);
  });
});
