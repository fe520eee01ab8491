import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import pg from 'pg';
import { Registry } from 'prom-client';

import type { Database } from '../database/database.js';
import type { Statement } from '../database/statement.js';
import { dependencyUnavailable } from '../problems/problem.js';
import { CatalogChanges } from '../products/catalog-changes.js';
import type { EventLeases } from './event-leases.js';
import { EventInbox } from './event-inbox.js';
import type { ReceivedEvent, RecordedEvent } from './event-statements.js';

/** A batch that was sent to PostgreSQL. */
interface Batch {
  readonly ids: readonly string[];
  /** Responds that these ids were recorded; default all. */
  answer(recorded?: readonly string[], changed?: boolean): void;
  fail(error: Error): void;
}

let batches: Batch[];
let outcomes: [id: string, outcome: unknown][];
const invalidate = jest.fn<() => Promise<void>>();
const markProcessed = jest.fn<(events: readonly ReceivedEvent[]) => Promise<void>>();
let registry: Registry;
let inbox: EventInbox;

beforeEach(() => {
  batches = [];
  outcomes = [];
  invalidate.mockReset();
  markProcessed.mockReset();
  const query = ({ values }: Statement): Promise<RecordedEvent[]> =>
    new Promise((resolve, reject) => {
      const ids = (JSON.parse(String(values[0])) as { id: string }[]).map(({ id }) => id);
      batches.push({
        ids,
        answer: (recorded = ids, changed = true) => {
          resolve(recorded.map((id) => ({ id, changed })));
        },
        fail: reject,
      });
    });
  registry = new Registry();
  const changes = new CatalogChanges();
  changes.subscribe(invalidate);
  inbox = new EventInbox(
    { query } as unknown as Database,
    { markProcessed } as unknown as EventLeases,
    changes,
    registry,
  );
});

/** Waits until all pending callbacks have run. */
async function settle(): Promise<void> {
  await new Promise(setImmediate);
  await new Promise(setImmediate);
}

/** Records events in the same turn of the event loop. */
async function recordTogether(...ids: string[]): Promise<void> {
  for (const id of ids) {
    inbox
      .record({
        id,
        digest: Buffer.alloc(32),
        receivedAt: new Date(),
        event: { type: 'farm.opened' },
      })
      .catch((error: unknown) => error)
      .then((outcome) => outcomes.push([id, outcome]))
      .catch(() => undefined);
  }
  await settle();
}

/** Records events in turns of their own. */
async function recordOneByOne(...ids: string[]): Promise<void> {
  for (const id of ids) await recordTogether(id);
}

/** The ids of each batch so far. */
function batchIds(): string[] {
  return batches.map(({ ids }) => ids.join(' '));
}

/** The ids of each call of `markProcessed`. */
function processedIds(): string[] {
  return markProcessed.mock.calls.map(([events]) => events.map(({ id }) => id).join(' '));
}

describe(EventInbox.name, () => {
  it('writes a single event at once', async () => {
    await recordOneByOne('a');
    expect(batchIds()).toEqual(['a']);
    expect(outcomes).toEqual([]);
    batches[0]?.answer();
    await settle();
    expect(outcomes).toEqual([['a', true]]);
  });

  it('writes events of the same turn in one batch', async () => {
    await recordTogether('a', 'b', 'c');
    expect(batchIds()).toEqual(['a b c']);
    batches[0]?.answer(['a', 'c']);
    await settle();
    expect(outcomes).toEqual([
      ['a', true],
      ['b', false],
      ['c', true],
    ]);
  });

  it('writes four batches at a time, and the events that wait meanwhile in one batch', async () => {
    await recordOneByOne('a', 'b', 'c', 'd', 'e', 'f', 'g');
    expect(batchIds()).toEqual(['a', 'b', 'c', 'd']);
    batches[2]?.answer();
    await settle();
    expect(batchIds()).toEqual(['a', 'b', 'c', 'd', 'e f g']);
    batches[4]?.answer();
    await settle();
    expect(outcomes).toEqual([
      ['c', true],
      ['e', true],
      ['f', true],
      ['g', true],
    ]);
  });

  it('writes waiting events in order of arrival, at most 50 in a batch', async () => {
    const ids = Array.from({ length: 60 }, (_, nth) => `waits-${nth}`);
    await recordOneByOne('a', 'b', 'c', 'd', ...ids);
    batches[0]?.answer();
    batches[1]?.answer();
    await settle();
    expect(batchIds().slice(4)).toEqual([ids.slice(0, 50).join(' '), ids.slice(50).join(' ')]);
  });

  it('writes a repeated id in a later batch', async () => {
    await recordTogether('a', 'b', 'a');
    expect(batchIds()).toEqual(['a b', 'a']);
    batches[0]?.answer();
    await settle();
    batches[1]?.answer([]);
    await settle();
    expect(outcomes).toEqual([
      ['a', true],
      ['b', true],
      ['a', false],
    ]);
  });

  it('publishes the change after the COMMIT, and resolves once it is published', async () => {
    let finishInvalidation = (): void => undefined;
    invalidate.mockReturnValue(
      new Promise((resolve) => {
        finishInvalidation = resolve;
      }),
    );
    await recordTogether('a', 'b', 'c');
    expect(invalidate).not.toHaveBeenCalled();
    expect(processedIds()).toEqual([]);
    batches[0]?.answer(['a', 'b']);
    await settle();
    expect(invalidate).toHaveBeenCalledTimes(1);
    expect(processedIds()).toEqual(['a b']);
    expect(outcomes).toEqual([]);
    finishInvalidation();
    await settle();
    expect(outcomes).toHaveLength(3);
  });

  it('publishes no change when no product has changed', async () => {
    await recordOneByOne('a', 'b');
    batches[0]?.answer([]);
    batches[1]?.answer(['b'], false);
    await settle();
    expect(invalidate).not.toHaveBeenCalled();
    expect(processedIds()).toEqual(['b']);
  });

  it('writes events one by one when PostgreSQL rejects their batch', async () => {
    const refusal = new pg.DatabaseError('violates check constraint', 1, 'error');
    await recordTogether('a', 'bad', 'c');
    batches[0]?.fail(refusal);
    await settle();
    batches[1]?.answer();
    await settle();
    batches[2]?.fail(refusal);
    await settle();
    batches[3]?.answer();
    await settle();
    expect(batchIds()).toEqual(['a bad c', 'a', 'bad', 'c']);
    expect(outcomes).toEqual([
      ['a', true],
      ['bad', refusal],
      ['c', true],
    ]);
  });

  it('stops writing one by one when PostgreSQL becomes unavailable', async () => {
    const outage = dependencyUnavailable('The catalog does not answer.');
    await recordTogether('a', 'b', 'c');
    batches[0]?.fail(new pg.DatabaseError('violates check constraint', 1, 'error'));
    await settle();
    batches[1]?.answer();
    await settle();
    batches[2]?.fail(outage);
    await settle();
    expect(batchIds()).toEqual(['a b c', 'a', 'b']);
    expect(outcomes).toEqual([
      ['a', true],
      ['b', outage],
      ['c', outage],
    ]);
  });

  it.each(['55P03', '40P01'])(
    'reports a conflict with another transaction as retryable (SQLSTATE %s)',
    async (code) => {
      const conflict = Object.assign(new pg.DatabaseError('conflict', 1, 'error'), { code });
      await recordTogether('a', 'b');
      batches[0]?.fail(conflict);
      await settle();
      batches[1]?.fail(conflict);
      await settle();
      batches[2]?.answer();
      await settle();
      expect(outcomes).toEqual([
        ['a', expect.objectContaining({ slug: 'dependency-unavailable', cause: conflict })],
        ['b', true],
      ]);
    },
  );

  it('reports the number of waiting events as a metric', async () => {
    await recordOneByOne('a', 'b', 'c', 'd', 'e', 'f');
    expect(await registry.metrics()).toContain('farmlokal_webhook_events_waiting 2');
    batches[0]?.answer();
    await settle();
    expect(await registry.metrics()).toContain('farmlokal_webhook_events_waiting 0');
  });

  it('does not retry a batch that PostgreSQL has not confirmed', async () => {
    const outage = dependencyUnavailable('The catalog does not answer.');
    await recordTogether('a', 'b');
    batches[0]?.fail(outage);
    await settle();
    expect(batchIds()).toEqual(['a b']);
    expect(outcomes).toEqual([
      ['a', outage],
      ['b', outage],
    ]);
  });

  it('rejects an event while 2,000 are waiting', async () => {
    await recordOneByOne('a', 'b', 'c', 'd');
    await recordTogether(...Array.from({ length: 2000 }, (_, nth) => `waits-${nth}`));
    await recordTogether('late');
    expect(outcomes).toEqual([
      ['late', expect.objectContaining({ slug: 'dependency-unavailable' })],
    ]);
    batches[0]?.answer();
    await settle();
    await recordTogether('later');
    expect(outcomes.map(([id]) => id)).toEqual(['late', 'a']);
  });
});
