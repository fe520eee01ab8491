import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import pg from 'pg';
import { Registry } from 'prom-client';

import type { Database } from '../database/database.js';
import type { Statement } from '../database/statement.js';
import { dependencyUnavailable } from '../problems/problem.js';
import type { CatalogVersion } from '../response-cache/catalog-version.js';
import type { EventLeases } from './event-leases.js';
import { EventInbox } from './event-inbox.js';
import type { ReceivedEvent, RecordedEvent } from './event-statements.js';

/** A batch that PostgreSQL is given. */
interface Batch {
  readonly ids: readonly string[];
  /** Answers that these are recorded, all of them unless told. */
  answer(recorded?: readonly string[], changed?: boolean): void;
  fail(error: Error): void;
}

let batches: Batch[];
let outcomes: [id: string, outcome: unknown][];
const change = jest.fn<() => Promise<void>>();
const finish = jest.fn<(events: readonly ReceivedEvent[]) => Promise<void>>();
let registry: Registry;
let inbox: EventInbox;

beforeEach(() => {
  batches = [];
  outcomes = [];
  change.mockReset();
  finish.mockReset();
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
  inbox = new EventInbox(
    { query } as unknown as Database,
    { finish } as unknown as EventLeases,
    { change } as unknown as CatalogVersion,
    registry,
  );
});

/** Lets all happen that waits for nothing but its turn. */
async function turn(): Promise<void> {
  await new Promise(setImmediate);
  await new Promise(setImmediate);
}

/** Takes events that come in the same turn of the event loop. */
async function together(...ids: string[]): Promise<void> {
  for (const id of ids) {
    inbox
      .take({
        id,
        digest: Buffer.alloc(32),
        receivedAt: new Date(),
        event: { type: 'farm.opened' },
      })
      .catch((error: unknown) => error)
      .then((outcome) => outcomes.push([id, outcome]))
      .catch(() => undefined);
  }
  await turn();
}

async function oneByOne(...ids: string[]): Promise<void> {
  for (const id of ids) await together(id);
}

/** The ids of each batch so far. */
function written(): string[] {
  return batches.map(({ ids }) => ids.join(' '));
}

/** The ids that Redis is to remember, of each batch. */
function finished(): string[] {
  return finish.mock.calls.map(([events]) => events.map(({ id }) => id).join(' '));
}

describe(EventInbox.name, () => {
  it('writes an event at once, by itself', async () => {
    await oneByOne('a');
    expect(written()).toEqual(['a']);
    expect(outcomes).toEqual([]);
    batches[0]?.answer();
    await turn();
    expect(outcomes).toEqual([['a', true]]);
  });

  it('writes together what comes in the same turn', async () => {
    await together('a', 'b', 'c');
    expect(written()).toEqual(['a b c']);
    batches[0]?.answer(['a', 'c']);
    await turn();
    expect(outcomes).toEqual([
      ['a', true],
      ['b', false],
      ['c', true],
    ]);
  });

  it('writes so many batches at a time, and then together what has come meanwhile', async () => {
    await oneByOne('a', 'b', 'c', 'd', 'e', 'f', 'g');
    expect(written()).toEqual(['a', 'b', 'c', 'd']);
    batches[2]?.answer();
    await turn();
    expect(written()).toEqual(['a', 'b', 'c', 'd', 'e f g']);
    batches[4]?.answer();
    await turn();
    expect(outcomes).toEqual([
      ['c', true],
      ['e', true],
      ['f', true],
      ['g', true],
    ]);
  });

  it('writes what has waited longest first, and not all of it together', async () => {
    const ids = Array.from({ length: 60 }, (_, nth) => `waits-${nth}`);
    await oneByOne('a', 'b', 'c', 'd', ...ids);
    batches[0]?.answer();
    batches[1]?.answer();
    await turn();
    expect(written().slice(4)).toEqual([ids.slice(0, 50).join(' '), ids.slice(50).join(' ')]);
  });

  it('writes an id that comes twice in batches of their own', async () => {
    await together('a', 'b', 'a');
    expect(written()).toEqual(['a b', 'a']);
    batches[0]?.answer();
    await turn();
    batches[1]?.answer([]);
    await turn();
    expect(outcomes).toEqual([
      ['a', true],
      ['b', true],
      ['a', false],
    ]);
  });

  it('tells of a batch once it is committed, and only then answers', async () => {
    let told = (): void => undefined;
    change.mockReturnValue(
      new Promise((resolve) => {
        told = resolve;
      }),
    );
    await together('a', 'b', 'c');
    expect(change).not.toHaveBeenCalled();
    expect(finished()).toEqual([]);
    batches[0]?.answer(['a', 'b']);
    await turn();
    expect(change).toHaveBeenCalledTimes(1);
    expect(finished()).toEqual(['a b']);
    expect(outcomes).toEqual([]);
    told();
    await turn();
    expect(outcomes).toHaveLength(3);
  });

  it('tells of nothing that has not happened', async () => {
    await oneByOne('a', 'b');
    batches[0]?.answer([]);
    batches[1]?.answer(['b'], false);
    await turn();
    expect(change).not.toHaveBeenCalled();
    expect(finished()).toEqual(['b']);
  });

  it('writes them one by one when PostgreSQL refuses them together', async () => {
    const refusal = new pg.DatabaseError('violates check constraint', 1, 'error');
    await together('a', 'bad', 'c');
    batches[0]?.fail(refusal);
    await turn();
    batches[1]?.answer();
    await turn();
    batches[2]?.fail(refusal);
    await turn();
    batches[3]?.answer();
    await turn();
    expect(written()).toEqual(['a bad c', 'a', 'bad', 'c']);
    expect(outcomes).toEqual([
      ['a', true],
      ['bad', refusal],
      ['c', true],
    ]);
  });

  it('writes no more of them one by one once PostgreSQL is gone', async () => {
    const outage = dependencyUnavailable('The catalogue does not answer.');
    await together('a', 'b', 'c');
    batches[0]?.fail(new pg.DatabaseError('violates check constraint', 1, 'error'));
    await turn();
    batches[1]?.answer();
    await turn();
    batches[2]?.fail(outage);
    await turn();
    expect(written()).toEqual(['a b c', 'a', 'b']);
    expect(outcomes).toEqual([
      ['a', true],
      ['b', outage],
      ['c', outage],
    ]);
  });

  it.each(['55P03', '40P01'])(
    'has an event sent again that another transaction was in the way of (%s)',
    async (code) => {
      const conflict = Object.assign(new pg.DatabaseError('conflict', 1, 'error'), { code });
      await together('a', 'b');
      batches[0]?.fail(conflict);
      await turn();
      batches[1]?.fail(conflict);
      await turn();
      batches[2]?.answer();
      await turn();
      expect(outcomes).toEqual([
        ['a', expect.objectContaining({ slug: 'dependency-unavailable', cause: conflict })],
        ['b', true],
      ]);
    },
  );

  it('tells how many wait', async () => {
    await oneByOne('a', 'b', 'c', 'd', 'e', 'f');
    expect(await registry.metrics()).toContain('farmlokal_webhook_events_waiting 2');
    batches[0]?.answer();
    await turn();
    expect(await registry.metrics()).toContain('farmlokal_webhook_events_waiting 0');
  });

  it('does not write again what PostgreSQL has not confirmed', async () => {
    const outage = dependencyUnavailable('The catalogue does not answer.');
    await together('a', 'b');
    batches[0]?.fail(outage);
    await turn();
    expect(written()).toEqual(['a b']);
    expect(outcomes).toEqual([
      ['a', outage],
      ['b', outage],
    ]);
  });

  it('refuses at once when two thousand wait, until some are written', async () => {
    await oneByOne('a', 'b', 'c', 'd');
    await together(...Array.from({ length: 2000 }, (_, nth) => `waits-${nth}`));
    await together('late');
    expect(outcomes).toEqual([
      ['late', expect.objectContaining({ slug: 'dependency-unavailable' })],
    ]);
    batches[0]?.answer();
    await turn();
    await together('later');
    expect(outcomes.map(([id]) => id)).toEqual(['late', 'a']);
  });
});
