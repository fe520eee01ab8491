import { describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';

import { Deadline } from './deadline.js';

const createError = (): Error => new Error('late');

describe(Deadline.name, () => {
  it('has time remaining until it passes, and none after it', () => {
    expect(Deadline.in(60_000).remaining).toBeGreaterThan(50_000);
    expect(Deadline.in(-1).remaining).toBe(0);
    expect(Deadline.after(performance.now() - 1000, 500).remaining).toBe(0);
  });

  it('passes on the outcome of a promise that settles in time', async () => {
    const deadline = Deadline.in(60_000);
    await expect(deadline.limit(Promise.resolve(1), createError)).resolves.toBe(1);
    const failing = Promise.reject(new Error('no'));
    await expect(deadline.limit(failing, createError)).rejects.toThrow('no');
  });

  it('rejects when a promise is still pending', async () => {
    const pending = new Promise(() => undefined);
    await expect(Deadline.in(20).limit(pending, createError)).rejects.toThrow('late');
  });

  it('prefers an outcome that was available before a blocked event loop noticed the deadline', async () => {
    const waiting = Deadline.in(10).limit(
      sleep(5).then(() => 'in time'),
      createError,
    );
    const until = performance.now() + 50;
    while (performance.now() < until);
    expect(await waiting).toBe('in time');
  });
});
