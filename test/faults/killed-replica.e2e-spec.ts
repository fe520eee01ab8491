import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';

import { httpFetch } from '../support/http.js';
import { BackingServices } from '../support/backing-services.js';
import { eventually } from '../support/eventually.js';
import { observe, WELL } from '../support/outage.js';
import { connectPostgres } from '../support/postgres-client.js';
import { deviations, late } from '../support/replies.js';
import { send, upserted } from '../support/signed-event.js';
import { Traffic } from '../support/traffic.js';

let backing: BackingServices;
let client: Redis;

beforeAll(async () => {
  backing = await BackingServices.start();
  client = new Redis(backing.redis.url);
});

afterAll(async () => {
  client.disconnect();
  await backing.stop();
});

it('A replica that is killed while it holds locks does not block the others', async () => {
  const [doomed, other] = await Promise.all([backing.startReplica(), backing.startReplica()]);
  const traffic = await Traffic.prepare(other.url, backing.database);
  const { path } = traffic.request('unseen listing');
  const id = randomUUID();
  const event = upserted(randomUUID(), 1);
  const statuses = new Set<number>();

  const { all } = await observe(traffic, {
    fail: async () => {
      const holder = await connectPostgres(backing.database.url);
      await holder.query('BEGIN; LOCK TABLE products IN ACCESS EXCLUSIVE MODE');
      void httpFetch(doomed.url + path).catch(() => undefined);
      void send(doomed.url, event, { id }).catch(() => undefined);
      // The lock on reading the page, and the lease on the event.
      await eventually(async () => {
        const held = ['reading:*:/api/products?*', `webhook:${id}`].map((key) =>
          client.keys(`farmlokal:${key}`),
        );
        return (await Promise.all(held)).every(({ length }) => length > 0) || undefined;
      });
      await doomed.kill('SIGKILL');
      await holder.end();
      expect((await httpFetch(other.url + path)).status).toBe(200);
      await eventually(async () => {
        const { status } = await send(other.url, event, { id });
        statuses.add(status);
        return status === 200 || undefined;
      });
    },
    revive: () => backing.startReplica(),
    settlesInMs: 0,
    lastsMs: 0,
  });
  expect(deviations(all, WELL)).toEqual([]);
  expect(late(all, { others: 0 })).toEqual([]);
  expect([200, 409]).toEqual(expect.arrayContaining([...statuses]));
  traffic.events.set(id, JSON.stringify(event));
  const { size } = traffic.events;
  expect(await traffic.countApplied(backing.database)).toEqual({ recorded: size, applied: size });
});
