import { setTimeout as sleep } from 'node:timers/promises';

import { Environment } from '../../../src/config/environment.js';
import { SECRET } from '../../../test/support/signed-event.js';
import { alternate, medianOf, roundsTable } from '../../alternating-runs.js';
import { CLOSED_LOOP_SENDER, sendClosedLoop } from '../../load/closed-loop.js';
import { atLeast } from '../../report/report.js';
import type { Suite } from '../../suite.js';
import { TestbedError } from '../../testbed.js';
import { newEvent, removeEvents, signed } from '../../webhook-events.js';
import { runPgbench } from './pgbench.js';

const { DATABASE_POOL_MAX } = new Environment();
const PRODUCTS = 2000;
/** Events that are signed in advance: more than a replica can process. */
const MAX_EVENTS_PER_SECOND = 15_000;
/** Requests at the end of a load that may have got no response. */
const IN_PROGRESS = 64;
/** How long the last responses of a load may take. */
const DRAIN_MS = 500;
/** The part of `--seconds` that each load lasts. */
const PART = 1 / 12;

export const webhooks: Suite = {
  summary: 'new events and duplicates, compared with pgbench (needs pgbench)',
  minutes: 3,
  run: async ({ testbed, log, seconds: whole }) => {
    const seconds = Math.max(1, Math.round(whole * PART));
    const { url } = await testbed.startReplica({ WEBHOOK_SECRETS: SECRET });
    const countRecorded = async () => {
      const count = 'SELECT count(*)::int AS events FROM webhook_events';
      return (await testbed.query<{ events: number }>(count))[0]?.events ?? 0;
    };
    let events: ReturnType<typeof signed>[] = [];
    let recorded = 0;
    const sendNew = async () => {
      const length = seconds * MAX_EVENTS_PER_SECOND;
      events = Array.from({ length }, () => signed(newEvent(PRODUCTS)));
      const before = await countRecorded();
      const result = await sendClosedLoop({ url, requests: events, seconds });
      await sleep(DRAIN_MS);
      recorded = (await countRecorded()) - before;
      if (recorded < length - 1) return result;
      throw new TestbedError(`The replica processes over ${MAX_EVENTS_PER_SECOND} events/s.`);
    };
    const sendDuplicates = async () => {
      const before = await countRecorded();
      // wrk has sent the first request twice.
      const requests = events.slice(1, recorded - IN_PROGRESS);
      const result = await sendClosedLoop({ url, requests, seconds });
      if ((await countRecorded()) === before) return result;
      throw new TestbedError('The replica recorded an event twice.');
    };
    const loads = {
      pgbench: () => runPgbench(testbed.databaseUrl, DATABASE_POOL_MAX, seconds),
      'new events': sendNew,
      duplicates: sendDuplicates,
    };
    const rounds = await alternate('webhooks', loads, log);
    await testbed.stopReplicas();
    await removeEvents(testbed);
    type Name = keyof typeof loads;
    const ratio = (of: Name, to: Name) =>
      medianOf(rounds, (round) => round[of].perSecond / round[to].perSecond);
    return {
      title: 'Webhooks',
      method: `Signed \`product.upserted\` events about ${PRODUCTS} products, sent by ${CLOSED_LOOP_SENDER} over 32 connections. pgbench writes each event in a transaction of its own, with prepared statements on ${DATABASE_POOL_MAX} connections, as many as the replica has. The replica writes several events in one transaction when they arrive together. Loads last ${seconds} s and alternate; ratios are medians of the rounds.`,
      goals: [
        atLeast(0.6, '', 'new events, divided by pgbench', ratio('new events', 'pgbench')),
        atLeast(1.5, '', 'duplicates, divided by new events', ratio('duplicates', 'new events')),
      ],
      sections: [
        {
          title: 'Throughput',
          text: 'Events or transactions a second. Redis answers duplicates without PostgreSQL.',
          ...roundsTable(rounds),
        },
      ],
    };
  },
};
