import { setTimeout as sleep } from 'node:timers/promises';

import { SECRET } from '../test/support/signed-event.js';
import { newEvent, removeEvents, signed } from './events.js';
import { findLoadGenerator, type Generated, type GeneratedRequest } from './load-generator.js';
import { Pgbench } from './pgbench.js';
import { type Testbed, TestbedError } from './testbed.js';

/** What one turn has reached, a second each. */
export interface WebhooksTurn {
  /** Transactions of pgbench. */
  readonly pgbench: number;
  /** Events that the service has not seen before. */
  readonly fresh: number;
  /** The same events again. */
  readonly duplicates: number;
}

export interface Webhooks {
  /** What has sent the events. */
  readonly generator: string;
  readonly connections: number;
  readonly seconds: number;
  readonly turns: readonly WebhooksTurn[];
}

/** As many as the pool of the service has by default. */
const POOL = 10;
const SENDERS = 32;
const TURNS = 5;
const PRODUCTS = 2000;
/** Events that are made ready: more than a replica takes. */
const MOST_A_SECOND = 15_000;
/** How long those may take that are under way when a load ends. */
const LAST_MS = 500;
/** The parts of a load's time that each piece of a turn lasts. */
const PART = 1 / 12;

/** Events against what PostgreSQL makes of a transaction for each by itself, in turns. */
export async function measureWebhooks(
  testbed: Testbed,
  seconds: number,
  say: (line: string) => void,
): Promise<Webhooks> {
  const part = Math.max(1, Math.round(seconds * PART));
  const pgbench = Pgbench.find(testbed, POOL);
  const replica = await testbed.startReplica({ WEBHOOK_SECRETS: SECRET });
  const generator = findLoadGenerator();
  const load = { url: replica.url, connections: SENDERS, seconds: part };
  const turns: WebhooksTurn[] = [];
  for (let nth = 0; nth <= TURNS; nth += 1) {
    const transactions = await pgbench.run(part);
    const events = newEvents(part * MOST_A_SECOND);
    const before = await recorded(testbed);
    const fresh = answered(await generator.run({ ...load, requests: events }));
    await sleep(LAST_MS);
    const taken = (await recorded(testbed)) - before;
    if (taken >= events.length - 1) {
      throw new TestbedError(`The replica takes more than ${MOST_A_SECOND} events a second.`);
    }
    const sent = sentFirst(events, taken);
    const duplicates = answered(await generator.run({ ...load, requests: sent }));
    if ((await recorded(testbed)) - before !== taken) {
      throw new TestbedError('The replica has taken an event twice.');
    }
    // The first turn warms everything up.
    if (nth > 0) turns.push({ pgbench: transactions, fresh, duplicates });
    say(`webhooks: pgbench ${transactions}/s, new ${fresh}/s, duplicates ${duplicates}/s`);
  }
  await replica.stop();
  await removeEvents(testbed);
  return { generator: generator.name, connections: POOL, seconds: part, turns };
}

/** Those that were taken for sure: wrk only looks at the first, and of the last some were not sent. */
function sentFirst(events: readonly GeneratedRequest[], taken: number): GeneratedRequest[] {
  return events.slice(1, taken - SENDERS);
}

/** Signed beforehand: that costs more than taking them does. */
function newEvents(count: number): GeneratedRequest[] {
  return Array.from({ length: count }, () => signed(newEvent(PRODUCTS)));
}

async function recorded(testbed: Testbed): Promise<number> {
  const [found] = await testbed.query<{ count: number }>(
    'SELECT count(*)::int AS count FROM webhook_events',
  );
  return found?.count ?? 0;
}

/** @throws TestbedError when an event was not taken. */
function answered({ rate, errors }: Generated): number {
  if (errors > 0) throw new TestbedError(`${errors} events were not taken.`);
  return rate;
}
