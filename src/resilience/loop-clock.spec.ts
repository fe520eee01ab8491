import { describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';

import { LoopClock } from './loop-clock.js';

const createError = (): Error => new Error('late');

function block(milliseconds: number): void {
  const until = performance.now() + milliseconds;
  while (performance.now() < until);
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}

describe(LoopClock.name, () => {
  it('rejects when a promise takes longer than the timeout', async () => {
    const startedAt = performance.now();
    await expect(new LoopClock().limit(never(), 30, createError)).rejects.toThrow('late');
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(29);
  });

  it('passes on the outcome of a promise that settles in time', async () => {
    const clock = new LoopClock();
    await expect(clock.limit(Promise.resolve(1), 30, createError)).resolves.toBe(1);
    await expect(clock.limit(Promise.reject(new Error('no')), 30, createError)).rejects.toThrow(
      'no',
    );
  });

  it.each([50, 200])('excludes the %d ms in which the event loop was blocked', async (ms) => {
    const clock = new LoopClock();
    const startedAt = performance.now();
    const waiting = clock
      .limit(never(), 40, createError)
      .catch(() => performance.now() - startedAt);
    setTimeout(block, 5, ms);
    // The rest of the timeout after the block: the timeout less the 5 ms before it, and less one sample.
    expect(await waiting).toBeGreaterThanOrEqual(ms + 40 - 15);
  });

  it('excludes the delay when every turn of the event loop takes long', async () => {
    const clock = new LoopClock();
    let turns = 0;
    const waiting = clock.limit(never(), 40, createError).catch(() => turns);
    const busy = (): void => {
      turns += 1;
      block(30);
    };
    const load = setInterval(busy, 1);
    expect(await waiting).toBeGreaterThan(3);
    clearInterval(load);
  });

  it('passes on a value that arrived while the event loop was blocked', async () => {
    const clock = new LoopClock();
    const arrival = sleep(5).then(() => 'arrived');
    const waiting = clock.limit(arrival, 10, createError);
    block(100);
    expect(await waiting).toBe('arrived');
  });

  it('aborts the signal of a call that takes longer than the timeout', async () => {
    const call = new LoopClock().withAbortSignal(
      20,
      (signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reject(signal.reason as Error);
          });
        }),
    );
    await expect(call).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  it('does not call back once cancelled', async () => {
    let called = false;
    new LoopClock().after(5, () => (called = true))();
    await sleep(30);
    expect(called).toBe(false);
  });
});
