import { beforeEach, describe, expect, it } from '@jest/globals';

import { AdmissionControl } from '../resilience/admission-control.js';
import { StartQueue } from './start-queue.js';

const turn = (): Promise<void> => new Promise(setImmediate);

function block(milliseconds: number): void {
  const until = performance.now() + milliseconds;
  while (performance.now() < until);
}

describe(StartQueue.name, () => {
  it('starts more requests in a turn as long as none is refused', async () => {
    await turn();
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

  it('starts one request a turn while every turn accepts a connection, and then the rest', async () => {
    await turn();
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
      await turn();
    }
    expect(counts.every((count, nth) => count <= 20 + nth)).toBe(true);
    while (started < 40) await turn();
  });
});

describe(`${StartQueue.name} while requests are refused`, () => {
  beforeEach(async () => {
    const admission = new AdmissionControl(1);
    const requests = [0, 1].map(() => admission.track(() => turn()));
    await admission.track(() => turn());
    void admission.track(() => turn());
    expect(admission.shouldReject(0)).toBe(true);
    await Promise.all(requests);
  });

  it('starts a request at once while the turn is young', async () => {
    await turn();
    const queue = new StartQueue();
    let started = 0;
    queue.enter(() => (started += 1));
    expect(started).toBe(1);
  });

  it('leaves the other requests of a long turn to the next ones, in the order of arrival', async () => {
    await turn();
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
      await turn();
    }
    expect(started).toEqual(requests);
    // Two milliseconds a turn, each request one.
    expect(counts.length).toBeGreaterThan(5);
  });

  it('counts what the promises of a request do into its time', async () => {
    await turn();
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
    let turns = 0;
    while (finished < 6) {
      await turn();
      turns += 1;
    }
    expect(turns).toBeGreaterThanOrEqual(5);
  });

  it('lets a callback of the event loop run between two turns of starts', async () => {
    await turn();
    const queue = new StartQueue();
    const order: string[] = [];
    for (let nth = 0; nth < 10; nth += 1) {
      queue.enter(() => {
        order.push('start');
        block(3);
      });
    }
    setTimeout(() => order.push('reply'), 1);
    while (order.length < 11) await turn();
    expect(order.indexOf('reply')).toBeLessThan(4);
  });
});
