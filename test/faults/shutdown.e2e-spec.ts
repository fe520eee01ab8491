import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { httpFetch } from '../support/http.js';
import { BackingServices } from '../support/backing-services.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { Load } from '../support/load.js';
import { WELL } from '../support/outage.js';
import { deviations, type Outcomes } from '../support/replies.js';
import { startService } from '../support/service.js';
import { Traffic } from '../support/traffic.js';

const DELAY_MS = 2000;
/** How long stock requests are in flight when the server closes. */
const IN_FLIGHT_MS = 500;

let backing: BackingServices;

beforeAll(async () => {
  backing = await BackingServices.start();
});

afterAll(async () => {
  await backing.stop();
});

beforeEach(async () => {
  await backing.sandbox.reset();
});

describe('SIGTERM', () => {
  it('makes the service unready, answers requests until the server closes, and exits with 0', async () => {
    const service = await backing.startReplica({ SHUTDOWN_DELAY_MS: String(DELAY_MS) });
    const traffic = await Traffic.prepare(service.url, backing.database);
    await backing.sandbox.switch('inventory', { latencyMs: IN_FLIGHT_MS });
    const load = new Load(service.url, () => traffic.next());
    await sleep(500);
    const signalledAt = performance.now();
    await service.kill('SIGTERM');
    expect(await service.exited()).toBe(0);
    await load.stop();

    // Requests in flight at this moment are answered after it.
    const closed = signalledAt + DELAY_MS - 100;
    const accepted = load.replies.filter(
      ({ sentAt }) => sentAt > signalledAt + 300 && sentAt < closed,
    );
    const draining: Outcomes = {
      ...WELL,
      ready: ['unavailable'],
      // On a busy machine a healthy Redis can time out.
      health: ['shutting_down', 'shutting_down redis'],
    };
    expect(deviations(accepted, draining)).toEqual([]);
  });

  it('ends the service even if PostgreSQL does not answer', async () => {
    const proxy = await FaultProxy.start(backing.database.url);
    const service = await backing.startReplica({ DATABASE_URL: proxy.url });
    await Promise.all(Array.from({ length: 5 }, () => httpFetch(`${service.url}/api/products`)));
    await proxy.fail('blackhole');
    await service.kill('SIGTERM');
    expect(await Promise.race([service.exited(), sleep(12_000, 'still running')])).toBe(0);
    await proxy.stop();
  });

  it('ends the service even if a client never completes its request', async () => {
    const service = await backing.startReplica({ DATABASE_STATEMENT_TIMEOUT_MS: '500' });
    const socket = connect(Number(new URL(service.url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write('GET /health/live HTTP/1.1\r\nHost: x\r\nX-A: ');
    const drip = setInterval(() => socket.write('a'), 200);
    await sleep(300);
    await service.kill('SIGTERM');
    expect(await service.exited()).toBe(0);
    clearInterval(drip);
    socket.destroy();
  });

  it('ends the service before it has connected to PostgreSQL', async () => {
    const proxy = await FaultProxy.start(backing.database.url);
    await proxy.fail('refuse');
    const service = await startService(backing.environment({ DATABASE_URL: proxy.url }));
    expect(await service.stop()).toBe(0);
    await proxy.stop();
  });
});
