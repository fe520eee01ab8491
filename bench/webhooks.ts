import { Agent, request } from 'node:http';

import { SECRET, signatureHeaders, upserted } from '../test/support/signed-event.js';
import { Pgbench } from './pgbench.js';
import type { Replica, Testbed } from './testbed.js';

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
  readonly connections: number;
  readonly seconds: number;
  readonly turns: readonly WebhooksTurn[];
}

/** As many as the pool of the service has by default. */
const POOL = 10;
const SENDERS = 32;
const TURNS = 5;
const PRODUCTS = 2000;
/** The parts of a load's time that each piece of a turn lasts. */
const PART = 1 / 12;

interface Sent {
  readonly id: string;
  readonly body: string;
}

/** Events against what PostgreSQL makes of the same transactions by itself, in turns. */
export async function measureWebhooks(
  testbed: Testbed,
  seconds: number,
  say: (line: string) => void,
): Promise<Webhooks> {
  const part = Math.max(1, Math.round(seconds * PART));
  const pgbench = Pgbench.find(testbed, POOL);
  const replica = await testbed.startReplica({ WEBHOOK_SECRETS: SECRET });
  const turns: WebhooksTurn[] = [];
  let events = 0;
  for (let nth = 0; nth <= TURNS; nth += 1) {
    const transactions = await pgbench.run(part);
    const sent: Sent[] = [];
    const fresh = await sendFor(part, replica, 'processed', () => {
      const event = { id: `bench-${Date.now()}-${(events += 1)}`, body: newEvent() };
      sent.push(event);
      return event;
    });
    let again = 0;
    const duplicates = await sendFor(part, replica, 'duplicate', () => {
      const event = sent[again % sent.length];
      again += 1;
      return event ?? { id: '', body: '' };
    });
    // The first turn warms everything up.
    if (nth > 0) turns.push({ pgbench: transactions, fresh, duplicates });
    say(`webhooks: pgbench ${transactions}/s, new ${fresh}/s, duplicates ${duplicates}/s`);
  }
  await replica.stop();
  await testbed.query("DELETE FROM products WHERE sku LIKE 'BENCH-EVENT-%'");
  await testbed.query('TRUNCATE webhook_events');
  await testbed.query('VACUUM (ANALYZE) products');
  return { connections: POOL, seconds: part, turns };
}

function newEvent(): string {
  const sku = `BENCH-EVENT-${Math.floor(Math.random() * PRODUCTS)}`;
  return JSON.stringify(upserted(sku, Math.floor(Math.random() * Number.MAX_SAFE_INTEGER)));
}

/** Sends from all senders at once, each one after the other; gives the answers a second. */
async function sendFor(
  seconds: number,
  { url }: Replica,
  expected: string,
  next: () => Sent,
): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: SENDERS });
  const began = performance.now();
  let answers = 0;
  const sender = async (): Promise<void> => {
    while (performance.now() - began < seconds * 1000) {
      const answer = await post(`${url}/api/webhooks/catalog`, next(), agent);
      if (!answer.includes(expected)) throw new Error(`${answer}, not ${expected}`);
      answers += 1;
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, sender));
  const elapsed = (performance.now() - began) / 1000;
  agent.destroy();
  return Math.round(answers / elapsed);
}

async function post(url: string, { id, body }: Sent, agent: Agent): Promise<string> {
  return await new Promise((resolve, reject) => {
    const headers = {
      ...signatureHeaders(body, { id }),
      'content-length': Buffer.byteLength(body),
    };
    const sent = request(url, { method: 'POST', agent, headers }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on('end', () => {
        resolve(text);
      });
    });
    sent.on('error', reject).end(body);
  });
}
