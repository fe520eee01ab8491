import { describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';

import { dependencyUnavailable, overloaded, Problem } from '../problems/problem.js';
import { AdmissionControl, isSheddingLoad } from './admission-control.js';

/** Serves requests one after the other, each in `milliseconds`. */
function server(milliseconds: number): () => Promise<void> {
  let last = Promise.resolve();
  return () => (last = last.then(() => sleep(milliseconds)).then(() => undefined));
}

/** Whether a request is rejected that may take 30 ms, while another one is in progress. */
async function rejectsNext(admission: AdmissionControl): Promise<boolean> {
  const running = admission.track(server(0));
  const rejects = admission.shouldReject(30);
  await running;
  return rejects;
}

describe(AdmissionControl.name, () => {
  it('accepts a request while fewer than the concurrency are in progress', async () => {
    const admission = new AdmissionControl(2);
    const serve = server(20);
    await admission.track(serve);
    const running = admission.track(serve);
    expect(admission.shouldReject(0)).toBe(false);
    await running;
  });

  it('rejects a request that would take too long at the measured throughput', async () => {
    const admission = new AdmissionControl(1);
    const serve = server(10);
    await Promise.all(Array.from({ length: 60 }, () => admission.track(serve)));
    const running = Array.from({ length: 49 }, () => admission.track(serve));
    // Fifty requests of ten milliseconds, one after the other.
    expect(admission.shouldReject(60_000)).toBe(false);
    expect(admission.shouldReject(400)).toBe(true);
    expect(isSheddingLoad()).toBe(true);
    await Promise.all(running);
  });

  it('accepts again once requests complete faster', async () => {
    const admission = new AdmissionControl(1);
    await admission.track(() => sleep(400));
    expect(await rejectsNext(admission)).toBe(true);
    for (let nth = 0; nth < 50; nth += 1) await admission.track(server(0));
    expect(await rejectsNext(admission)).toBe(false);
  });

  it('does not count a failed request as in progress', async () => {
    const admission = new AdmissionControl(1);
    await expect(admission.track(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(admission.shouldReject(0)).toBe(false);
  });

  it.each([
    ['excludes an outage from', dependencyUnavailable('PostgreSQL is frozen.'), false],
    ['excludes an overload from', overloaded('The queue is full.'), false],
    ['includes a missing product in', new Problem('not-found', 'No such product.'), true],
  ])('%s the measured throughput', async (_, problem, measured) => {
    const admission = new AdmissionControl(1);
    const failing = admission.track(() => sleep(400).then(() => Promise.reject(problem)));
    await expect(failing).rejects.toBe(problem);
    expect(await rejectsNext(admission)).toBe(measured);
  });

  it('rejects a request when two thousand are in progress, however long it may take', async () => {
    const admission = new AdmissionControl(1);
    let finish = (): void => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    const running = Array.from({ length: 1999 }, () => admission.track(() => finished));
    expect(admission.shouldReject(Infinity)).toBe(false);
    running.push(admission.track(() => finished));
    expect(admission.shouldReject(Infinity)).toBe(true);
    finish();
    await Promise.all(running);
    expect(admission.shouldReject(Infinity)).toBe(false);
  });
});
