import { beforeEach, describe, expect, it } from '@jest/globals';

import { AdmissionControl } from '../resilience/admission-control.js';
import { StartQueue } from './start-queue.js';

const nextIteration = (): Promise<void> => new Promise(setImmediate);

function block(milliseconds: number): void {
  const until = performance.now() + milliseconds;
  while (performance.now() < until);
}

describe(StartQueue.name, () => {
  it('starts any number of requests in an iteration while none is rejected', async () => {
    await nextIteration();
    const queue = new StartQueue();
    let started = 0;
    for (let nth = 0; nth < 10; nth += 1) {
      queue.enter(() => {
        started += 1;
        block(1);
      });
    }
    expect(started).toBe(10);
  });

  it('starts one request in an iteration while every iteration accepts a connection, and then the rest', async () => {
    await nextIteration();
    const queue = new StartQueue();
    const counts: number[] = [];
    let started = 0;
    for (let nth = 0; nth < 20; nth += 1) queue.enter(() => (started += 1));
    expect(started).toBe(20);
    queue.recordConnection();
    for (let nth = 0; nth < 20; nth += 1) queue.enter(() => (started += 1));
    for (let nth = 0; nth < 5; nth += 1) {
      counts.push(started);
      queue.recordConnection();
      await nextIteration();
    }
    expect(counts.every((count, nth) => count <= 20 + nth)).toBe(true);
    while (started < 40) await nextIteration();
  });
});

describe(`${StartQueue.name} while requests are rejected`, () => {
  beforeEach(async () => {
    const admission = new AdmissionControl(1);
    const requests = [0, 1].map(() => admission.track(() => nextIteration()));
    await admission.track(() => nextIteration());
    void admission.track(() => nextIteration());
    expect(admission.shouldReject(0)).toBe(true);
    await Promise.all(requests);
  });

  it('starts a request at once at the beginning of an iteration', async () => {
    await nextIteration();
    const queue = new StartQueue();
    let started = 0;
    queue.enter(() => (started += 1));
    expect(started).toBe(1);
  });

  it('leaves the other requests of a long iteration to the next ones, in the order of arrival', async () => {
    await nextIteration();
    const queue = new StartQueue();
    const started: number[] = [];
    const requests = Array.from({ length: 20 }, (_, nth) => nth);
    for (const nth of requests) {
      queue.enter(() => {
        started.push(nth);
        block(1);
      });
    }
    const counts: number[] = [];
    while (started.length < requests.length) {
      counts.push(started.length);
      await nextIteration();
    }
    expect(started).toEqual(requests);
    // Half a millisecond of each iteration, one millisecond for each request.
    expect(counts.length).toBeGreaterThan(5);
  });

  it('counts the promises of a request into its time', async () => {
    await nextIteration();
    const queue = new StartQueue();
    let finished = 0;
    for (let nth = 0; nth < 6; nth += 1) {
      queue.enter(() => {
        void Promise.resolve().then(() => {
          block(3);
          finished += 1;
        });
        if (nth === 0) block(3);
      });
    }
    let iterations = 0;
    while (finished < 6) {
      await nextIteration();
      iterations += 1;
    }
    expect(iterations).toBeGreaterThanOrEqual(5);
  });

  it('runs other callbacks of the event loop between two iterations of starts', async () => {
    await nextIteration();
    const queue = new StartQueue();
    const order: string[] = [];
    for (let nth = 0; nth < 10; nth += 1) {
      queue.enter(() => {
        order.push('start');
        block(3);
      });
    }
    setTimeout(() => order.push('reply'), 1);
    while (order.length < 11) await nextIteration();
    expect(order.indexOf('reply')).toBeLessThan(4);
  });
});
