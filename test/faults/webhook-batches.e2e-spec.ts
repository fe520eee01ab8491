import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { randomUUID } from 'node:crypto';
import pg from 'pg';

import { readEvent } from '../../src/webhooks/catalog-event.js';
import {
  type ReceivedEvent,
  type RecordedEvent,
  recordStatement,
} from '../../src/webhooks/event-statements.js';
import { type HttpResponse, httpFetch, type ProblemBody } from '../support/http.js';
import { createDatabase, type Database } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { type Service, startReadyService } from '../support/service.js';
import { deleted, SECRET, send, upserted } from '../support/signed-event.js';

const REPLICAS = 4;

let database: Database;
let clients: pg.Client[];

beforeAll(async () => {
  database = await createDatabase();
  clients = Array.from({ length: REPLICAS }, () => new pg.Client(database.url));
  await Promise.all(clients.map((client) => client.connect()));
});

beforeEach(async () => {
  // A failed test can leave a transaction open.
  await Promise.all(clients.map((client) => client.query('ROLLBACK')));
  await forget();
});

afterAll(async () => {
  await Promise.all(clients.map((client) => client.end()));
  await database.drop();
});

async function forget(): Promise<void> {
  await clients[0]?.query('DELETE FROM webhook_events; DELETE FROM products');
}

async function rows<Row extends pg.QueryResultRow>(
  statement: string | pg.QueryConfig,
  client = clients[0],
): Promise<Row[]> {
  return (await client?.query<Row>(statement))?.rows ?? [];
}

async function write(batch: readonly ReceivedEvent[], client = clients[0]) {
  const { text, values } = recordStatement(batch, 1000);
  const found = await rows<RecordedEvent>({ name: 'events', text, values: [...values] }, client);
  return {
    recorded: found.map(({ id }) => id).sort(),
    changed: found.some(({ changed }) => changed),
  };
}

function received(id: string, body: object): ReceivedEvent {
  return {
    id,
    digest: Buffer.alloc(32, id),
    receivedAt: new Date('2026-11-23T06:30:00.123Z'),
    event: readEvent(Buffer.from(JSON.stringify(body)), 'INR'),
  };
}

function revisionOf({ event }: ReceivedEvent): number {
  return event.product?.revision ?? 0;
}

const COLUMNS = [
  'name',
  'description',
  'category',
  'price',
  'currency',
  'unit',
  'producer',
  'latitude',
  'longitude',
];

/** A row of the catalog; the {@link COLUMNS} of a tombstone are null. */
interface Row extends Record<string, unknown> {
  readonly revision: string;
  readonly name: unknown;
  readonly created: string;
  readonly updated: string;
  readonly deleted: string | null;
}

/** The expected outcome of events that are processed one by one. */
class Oracle {
  readonly events = new Map<string, object>();
  readonly products = new Map<string, Row>();

  /** Returns whether the event changes a product; undefined for a duplicate. */
  take({ id, digest, event }: ReceivedEvent, now: string): boolean | undefined {
    if (this.events.has(id)) {
      return undefined;
    }
    const { type, product } = event;
    const status = product === undefined ? 'ignored' : 'processed';
    this.events.set(id, { id, type, digest, status });
    const before = this.products.get(product?.sku ?? '');
    if (product === undefined || Number(before?.revision ?? -1) >= product.revision) {
      return false;
    }
    const { sku, revision } = product;
    const isUpsert = type === 'product.upserted';
    const fields = Object.assign({}, isUpsert ? product : before) as Readonly<
      Record<string, unknown>
    >;
    const bare = (before?.name ?? null) === null;
    this.products.set(sku, {
      ...Object.fromEntries(COLUMNS.map((column) => [column, fields[column] ?? null])),
      sku,
      revision: String(revision),
      name: fields.name ?? null,
      created: before === undefined || (isUpsert && bare) ? now : before.created,
      updated: now,
      deleted: isUpsert ? null : (before?.deleted ?? now),
    });
    return true;
  }
}

/** What PostgreSQL has, in the form of the oracle. */
async function found(): Promise<object> {
  return {
    events: new Set(await rows('SELECT id, type, digest, status FROM webhook_events')),
    products: new Set(
      await rows(
        `SELECT sku, revision::text, ${COLUMNS.join(', ')}, created_at::text AS created,
           updated_at::text AS updated, deleted_at::text AS deleted FROM products`,
      ),
    ),
  };
}

const text = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 20 })
  .filter((value) => !value.includes('\0'));
// PostgreSQL has one zero, as JSON has.
const degrees = (most: number) =>
  fc.double({ min: -most, max: most, noNaN: true }).map((number) => number + 0);
const place = fc.record({ latitude: degrees(90), longitude: degrees(180) });
const product = fc.record({
  name: text,
  description: text,
  category: text,
  price: fc.constantFrom('0.00', '49.50', '9999999999.99'),
  place: fc.option(place),
});
const sku = fc.constantFrom('a', 'A', 'ä', "o'kra", '{"\\', '🥬');
const revision = fc.oneof(fc.nat(12), fc.nat(Number.MAX_SAFE_INTEGER));
const body = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .tuple(sku, revision, product)
      .map(([key, nth, { place: where, ...fields }]) =>
        upserted(key, nth, { ...fields, ...where }),
      ),
  },
  { weight: 3, arbitrary: fc.tuple(sku, revision).map(([key, nth]) => deleted(key, nth)) },
  { weight: 1, arbitrary: fc.constant({ type: 'farm.opened' }) },
);
const event = fc
  .tuple(fc.integer({ min: 100, max: 150 }), body)
  .map(([nth, value]) => received(`evt-${nth}`, value));
const batch = fc.uniqueArray(event, { selector: ({ id }) => id, minLength: 1, maxLength: 12 });

describe('A batch of events', () => {
  it('has the same outcome as its events one by one, highest revision first', async () => {
    const property = fc.asyncProperty(fc.array(batch, { maxLength: 6 }), async (batches) => {
      const oracle = new Oracle();
      await forget();
      for (const events of batches) {
        await rows('BEGIN');
        const outcome = await write(events);
        const [{ now } = { now: '' }] = await rows<{ now: string }>('SELECT now()::text');
        await rows('COMMIT');
        const expected = events
          .toSorted((a, b) => revisionOf(b) - revisionOf(a) || (a.id < b.id ? -1 : 1))
          .map((one) => ({ id: one.id, changed: oracle.take(one, now) }))
          .filter(({ changed }) => changed !== undefined);
        expect(outcome).toEqual({
          recorded: expected.map(({ id }) => id).sort(),
          changed: expected.some(({ changed }) => changed),
        });
      }
      expect(await found()).toEqual({
        events: new Set(oracle.events.values()),
        products: new Set(oracle.products.values()),
      });
    });
    await fc.assert(property);
  });

  it('records each event once when several replicas write it, without deadlocks', async () => {
    const events = Array.from({ length: 400 }, (_, nth) => {
      const key = `sku-${nth % 20}`;
      return received(`evt-${nth}`, nth % 3 === 0 ? deleted(key, nth) : upserted(key, nth));
    });
    const outcomes = await Promise.all(
      clients.map(async (client) => {
        const recorded: string[] = [];
        // Each replica gets all events in batches, in a random order.
        const order = fc.sample(fc.shuffledSubarray(events, { minLength: 400 }), 1)[0] ?? [];
        for (let nth = 0; nth < order.length; nth += 40) {
          recorded.push(...(await write(order.slice(nth, nth + 40), client)).recorded);
        }
        return recorded;
      }),
    );
    expect(outcomes.flat().sort()).toEqual(events.map(({ id }) => id).sort());
    const products = await rows('SELECT sku, revision::int FROM products ORDER BY revision');
    expect(products).toEqual(
      Array.from({ length: 20 }, (_, nth) => ({ sku: `sku-${nth}`, revision: 380 + nth })),
    );
  });

  describe('that the service writes', () => {
    // Batches that a replica writes concurrently.
    const WRITERS = 4;
    let service: Service;

    // A new service for each test: one that was slow rejects events for a while.
    beforeEach(async () => {
      // Without Redis and its leases: events with the same id reach PostgreSQL.
      service = await startReadyService({
        DATABASE_URL: database.url,
        WEBHOOK_SECRETS: SECRET,
      });
    });

    /** Makes a name unique: events of an earlier test may still be written. */
    let own: (name: string) => string;

    beforeEach(() => {
      const attempt = randomUUID();
      own = (name) => `${name}-${attempt}`;
    });

    /** Sends events while all writers are busy, so that the events form a batch. */
    async function together(
      ...sent: readonly (readonly [id: string, event: object])[]
    ): Promise<HttpResponse<ProblemBody | { status: string }>[]> {
      await rows('BEGIN');
      await rows('LOCK TABLE webhook_events IN SHARE MODE');
      const others: Promise<unknown>[] = [];
      for (let nth = 1; nth <= WRITERS; nth += 1) {
        others.push(send(service.url, { type: 'farm.opened' }));
        await eventually(async () => ((await waiting()) === nth ? true : undefined));
      }
      const responses = sent.map(([id, value]) =>
        send<ProblemBody | { status: string }>(service.url, value, { id }),
      );
      await eventually(async () => ((await unwritten()) === sent.length ? true : undefined));
      await rows('COMMIT');
      await Promise.all(others);
      return await Promise.all(responses);
    }

    /** How many events wait for a writer. */
    async function unwritten(): Promise<number> {
      const { body } = await httpFetch<string>(`${service.url}/metrics`);
      return Number(/^farmlokal_webhook_events_waiting (\d+)$/m.exec(body)?.[1]);
    }

    /** How many transactions recorded these events. */
    async function transactions(ids: readonly string[]): Promise<number> {
      const [found] = await rows<{ count: number }>({
        text: 'SELECT count(DISTINCT xmin::text)::int FROM webhook_events WHERE id = ANY ($1)',
        values: [ids],
      });
      return found?.count ?? 0;
    }

    /** How many batches wait for a lock. */
    async function waiting(): Promise<number> {
      const [found] = await rows<{ count: number }>(
        `SELECT count(*)::int FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        clients[1],
      );
      return found?.count ?? 0;
    }

    /** The products of this test by sku. */
    async function products(): Promise<object> {
      const all = await rows<{ sku: string }>({
        text: `SELECT sku, name, revision::int, deleted_at IS NOT NULL AS deleted
               FROM products WHERE sku LIKE $1`,
        values: [own('%')],
      });
      return Object.fromEntries(all.map(({ sku: key, ...row }) => [key, row]));
    }

    it('is answered in time, even if another transaction locks many of its products', async () => {
      const held = Array.from({ length: 20 }, (_, nth) => own(`held-${nth}`));
      const free = Array.from({ length: 10 }, (_, nth) => own(`free-${nth}`));
      await write(held.map((name) => received(name, upserted(name, 1))));
      await rows('BEGIN', clients[2]);
      await rows('SELECT id FROM products FOR UPDATE', clients[2]);
      const responses = await together(
        ...[...held, ...free].map((name): [string, object] => [`${name}-2`, upserted(name, 2)]),
      );
      await rows('COMMIT', clients[2]);
      const statuses = responses.map(({ status }) => status);
      expect(statuses).toEqual([...held.map(() => 503), ...free.map(() => 200)]);
    });

    it('has an outcome for each event and keeps the highest revision of a product', async () => {
      const [changed, gone, back] = [own('changed'), own('gone'), own('back')];
      const [late, never] = [own('late'), own('never')];
      const opened = own('5');
      await send(service.url, upserted(late, 5));
      const sent = [
        [own('1'), upserted(changed, 1)],
        [own('2'), upserted(changed, 3, { name: 'Third' })],
        [own('3'), upserted(changed, 2)],
        [own('4'), upserted(gone, 1)],
        [opened, { type: 'farm.opened' }],
        [own('6'), deleted(gone, 2)],
        [own('7'), deleted(back, 1)],
        [own('8'), upserted(back, 2)],
        [own('9'), upserted(late, 4, { name: 'Late' })],
        [own('10'), deleted(late, 5)],
        [own('11'), deleted(never, 0)],
      ] as const;
      expect((await together(...sent)).map(({ body: { status } }) => status)).toEqual(
        sent.map(([id]) => (id === opened ? 'ignored' : 'processed')),
      );
      expect(await transactions(sent.map(([id]) => id))).toBeLessThan(sent.length);
      expect(await products()).toEqual({
        [changed]: { name: 'Third', revision: 3, deleted: false },
        [gone]: { name: null, revision: 2, deleted: true },
        [back]: { name: 'Okra', revision: 2, deleted: false },
        [late]: { name: 'Okra', revision: 5, deleted: false },
        [never]: { name: null, revision: 0, deleted: true },
      });
      for (const [id, value] of sent) {
        expect((await send(service.url, value, { id })).body.status).toBe('duplicate');
      }
    });

    it('records an id once and rejects another body under it', async () => {
      const [same, first, reused, last] = [own('same'), own('first'), own('reused'), own('last')];
      const [one, other] = [own('one'), own('other')];
      const event = upserted(same, 1);
      const responses = await together(
        [same, event],
        [first, upserted(first, 1)],
        [same, event],
        [reused, upserted(one, 1)],
        [reused, upserted(other, 1)],
        [last, upserted(last, 1)],
      );
      const outcomes = responses.map(({ status, body: { status: said } }) =>
        status === 200 ? said : status,
      );
      expect([outcomes[1], outcomes[5]]).toEqual(['processed', 'processed']);
      expect([outcomes[0], outcomes[2]].sort()).toEqual(['duplicate', 'processed']);
      expect([outcomes[3], outcomes[4]]).toEqual(expect.arrayContaining(['processed', 422]));
      expect(await transactions([same, first, reused, last])).toBeLessThan(4);
      const left = outcomes[3] === 'processed' ? one : other;
      expect(Object.keys(await products()).sort()).toEqual([first, last, same, left].sort());
    });

    it('processes the other events when another transaction locks one product', async () => {
      const [id, held] = [own('2'), own('held')];
      await send(service.url, upserted(held, 1));
      await rows('BEGIN; UPDATE products SET updated_at = now()', clients[2]);
      const responses = await together(
        [own('1'), upserted(own('a'), 1)],
        [id, upserted(held, 2)],
        [own('3'), deleted(own('c'), 1)],
      ).finally(() => rows('ROLLBACK', clients[2]));
      expect(responses.map(({ status }) => status)).toEqual([200, 503, 200]);
      expect((await send(service.url, upserted(held, 2), { id })).body.status).toBe('processed');
    });

    it('processes the other events when PostgreSQL rejects one', async () => {
      const [a, b, c, id] = [own('a'), own('b'), own('c'), own('2')];
      await rows("ALTER TABLE products ADD CONSTRAINT odd CHECK (name <> 'Odd')");
      const responses = await together(
        [own('1'), upserted(a, 1)],
        [id, upserted(b, 1, { name: 'Odd' })],
        [own('3'), deleted(c, 1)],
      ).finally(() => rows('ROLLBACK; ALTER TABLE products DROP CONSTRAINT odd'));
      expect(responses.map(({ status }) => status)).toEqual([200, 500, 200]);
      expect(Object.keys(await products()).sort()).toEqual([a, c]);
      expect((await send(service.url, upserted(b, 1), { id })).body.status).toBe('processed');
    });
  });
});
