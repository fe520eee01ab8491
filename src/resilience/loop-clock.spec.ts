import { describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';

import { LoopClock } from './loop-clock.js';

const late = (): Error => new Error('late');

function block(milliseconds: number): void {
  const until = performance.now() + milliseconds;
  while (performance.now() < until);
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}

describe(LoopClock.name, () => {
  it('gives up a promise that takes longer', async () => {
    const startedAt = performance.now();
    await expect(new LoopClock().limit(never(), 30, late)).rejects.toThrow('late');
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(29);
  });

  it('gives the value or the error of a promise that settles in time', async () => {
    const clock = new LoopClock();
    await expect(clock.limit(Promise.resolve(1), 30, late)).resolves.toBe(1);
    await expect(clock.limit(Promise.reject(new Error('no')), 30, late)).rejects.toThrow('no');
  });

  it.each([50, 200])('does not count the %d ms in which the event loop was blocked', async (ms) => {
    const clock = new LoopClock();
    const startedAt = performance.now();
    const waiting = clock.limit(never(), 40, late).catch(() => performance.now() - startedAt);
    setTimeout(block, 5, ms);
    // What is left after the block is at least the wait less its part before it, and less a beat.
    expect(await waiting).toBeGreaterThanOrEqual(ms + 40 - 15);
  });

  it('does not count time in which every turn of the event loop takes long', async () => {
    const clock = new LoopClock();
    let turns = 0;
    const waiting = clock.limit(never(), 40, late).catch(() => turns);
    const busy = (): void => {
      turns += 1;
      block(30);
    };
    const load = setInterval(busy, 1);
    expect(await waiting).toBeGreaterThan(3);
    clearInterval(load);
  });

  it('reads what arrived in time before it gives up', async () => {
    const clock = new LoopClock();
    const arrival = sleep(5).then(() => 'arrived');
    const waiting = clock.limit(arrival, 10, late);
    block(100);
    expect(await waiting).toBe('arrived');
  });

  it('does not call back once cancelled', async () => {
    let called = false;
    new LoopClock().after(5, () => (called = true))();
    await sleep(30);
    expect(called).toBe(false);
  });
});
