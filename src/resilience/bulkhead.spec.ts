import { describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';

import { Bulkhead, BulkheadFullError, BulkheadTimeoutError } from './bulkhead.js';
import { Deadline } from './deadline.js';

/** A call that runs until `end` is called. */
function pending(): { call: () => Promise<string>; end: (value: string) => void } {
  let end: (value: string) => void = () => undefined;
  const promise = new Promise<string>((resolve) => {
    end = resolve;
  });
  return { call: () => promise, end };
}

const LONG = Deadline.in(60_000);

describe(Bulkhead.name, () => {
  it('runs as many calls as it has slots, and starts the others in order as slots become free', async () => {
    const bulkhead = new Bulkhead(2, 10);
    const started: string[] = [];
    const calls = ['a', 'b', 'c', 'd'].map((name) => {
      const { call, end } = pending();
      const done = bulkhead.run(LONG, () => {
        started.push(name);
        return call();
      });
      return { done, end };
    });
    await sleep(0);
    expect(started).toEqual(['a', 'b']);
    expect([bulkhead.isFull, bulkhead.waitingCount]).toEqual([true, 2]);
    calls[1]?.end('second');
    await calls[1]?.done;
    await sleep(0);
    expect(started).toEqual(['a', 'b', 'c']);
    for (const { end } of calls) end('done');
    expect(await Promise.all(calls.map(({ done }) => done))).toEqual([
      'done',
      'second',
      'done',
      'done',
    ]);
    expect(started).toEqual(['a', 'b', 'c', 'd']);
  });

  it('rejects a call at once when the queue is full', async () => {
    const bulkhead = new Bulkhead(1, 1);
    const { call, end } = pending();
    const calls = [bulkhead.run(LONG, call), bulkhead.run(LONG, call)];
    await expect(bulkhead.run(LONG, call)).rejects.toThrow(BulkheadFullError);
    end('done');
    await Promise.all(calls);
  });

  it('rejects a queued call at its deadline and gives the slot to the next call', async () => {
    const bulkhead = new Bulkhead(1, 10);
    const { call, end } = pending();
    const first = bulkhead.run(LONG, call);
    const second = bulkhead.run(Deadline.in(20), () => Promise.resolve('never'));
    const third = bulkhead.run(LONG, () => Promise.resolve('third'));
    await expect(second).rejects.toThrow(BulkheadTimeoutError);
    end('first');
    expect(await first).toBe('first');
    expect(await third).toBe('third');
    expect(await bulkhead.run(LONG, () => Promise.resolve('fourth'))).toBe('fourth');
  });

  it('releases the slot of a call that fails', async () => {
    const bulkhead = new Bulkhead(1, 0);
    const failing = bulkhead.run(LONG, () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
    expect(await bulkhead.run(LONG, () => Promise.resolve('yes'))).toBe('yes');
  });
});
