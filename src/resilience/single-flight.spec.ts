import { describe, expect, it } from '@jest/globals';

import { SingleFlight } from './single-flight.js';

describe(SingleFlight.name, () => {
  it('runs one task for all callers of a key', async () => {
    const flights = new SingleFlight<number>();
    let runs = 0;
    const task = (): Promise<number> => Promise.resolve((runs += 1));
    await expect(Promise.all([flights.run('a', task), flights.run('a', task)])).resolves.toEqual([
      1, 1,
    ]);
    expect(flights.has('a')).toBe(false);
  });

  it('runs the tasks of two keys beside each other', async () => {
    const flights = new SingleFlight<string>();
    const results = Promise.all([
      flights.run('a', () => Promise.resolve('first')),
      flights.run('b', () => Promise.resolve('second')),
    ]);
    expect(flights.has('a') && flights.has('b')).toBe(true);
    await expect(results).resolves.toEqual(['first', 'second']);
  });

  it('rejects all callers when the task fails, and runs anew for the next one', async () => {
    const flights = new SingleFlight<string>();
    const failing = (): Promise<string> => Promise.reject(new Error('down'));
    const results = await Promise.allSettled([
      flights.run('a', failing),
      flights.run('a', failing),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await expect(flights.run('a', () => Promise.resolve('up'))).resolves.toBe('up');
  });
});
