import { describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';

import { Admission } from './admission.js';

/** Serves requests one after the other, each in so many milliseconds. */
function server(milliseconds: number): () => Promise<void> {
  let last = Promise.resolve();
  return () => (last = last.then(() => sleep(milliseconds)).then(() => undefined));
}

describe(Admission.name, () => {
  it('expects no wait while fewer requests are in progress than are served side by side', async () => {
    const admission = new Admission(2);
    const serve = server(20);
    await admission.track(serve);
    const running = admission.track(serve);
    expect(admission.isFull(0)).toBe(false);
    await running;
  });

  it('learns from what finishes how long a request would take', async () => {
    const admission = new Admission(1);
    const serve = server(10);
    await Promise.all(Array.from({ length: 60 }, () => admission.track(serve)));
    const running = Array.from({ length: 49 }, () => admission.track(serve));
    // Fifty requests of ten milliseconds, one after the other.
    expect(admission.isFull(400)).toBe(true);
    expect(admission.isFull(60_000)).toBe(false);
    await Promise.all(running);
  });

  it('forgets a slow time as soon as requests finish faster', async () => {
    const admission = new Admission(1);
    await admission.track(() => sleep(300));
    const fast = server(0);
    for (let nth = 0; nth < 50; nth += 1) await admission.track(fast);
    const running = admission.track(fast);
    expect(admission.isFull(30)).toBe(false);
    await running;
  });

  it('does not count a failed request as in progress', async () => {
    const admission = new Admission(1);
    await expect(admission.track(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(admission.isFull(0)).toBe(false);
  });

  it('accepts no more than two thousand, however long they may take', async () => {
    const admission = new Admission(1);
    let finish = (): void => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    const running = Array.from({ length: 1999 }, () => admission.track(() => finished));
    expect(admission.isFull(Infinity)).toBe(false);
    running.push(admission.track(() => finished));
    expect(admission.isFull(Infinity)).toBe(true);
    finish();
    await Promise.all(running);
    expect(admission.isFull(Infinity)).toBe(false);
  });
});
