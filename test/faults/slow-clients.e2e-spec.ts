import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

import type { RedisServer } from '../../dev/redis-server.js';
import { createDatabase, type Database } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { insertProducts } from '../support/products.js';
import { RawConnection } from '../support/raw-connection.js';
import { startRedis } from '../support/redis-server.js';
import { type Service, startReadyService, startService } from '../support/service.js';

/** Number of slow clients of each kind. */
const CLIENTS = 150;
/** The request timeout, and the interval of the check for it. */
const GIVEN_UP_MS = 15_000 + 15_000;
const LARGE_PAGE = '/api/products?limit=100';
const BODY_BYTES = 200_000;
/** A file that takes more than one write. */
const FILE = 'swagger-ui-bundle.js';

let database: Database;
let redis: RedisServer;
let service: Service;

beforeAll(async () => {
  [database, redis] = await Promise.all([createDatabase(), startRedis()]);
  await insertProducts(
    database,
    Array.from({ length: 100 }, (_, nth) => ({ name: `Pump ${nth}` })),
  );
  await database.query(`UPDATE products SET description = repeat('x', 5000)`);
  service = await startReadyService({
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
  });
});

afterAll(async () => {
  await service.kill('SIGKILL');
  await redis.stop();
  await database.drop();
});

function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
}

const POST = [
  'POST /api/webhooks/catalog HTTP/1.1',
  'Host: x',
  'Content-Type: application/json',
  `Content-Length: ${BODY_BYTES}`,
  '\r\n',
].join('\r\n');

/** What a slow client sends first, and what it sends each second after that. */
const TALKERS: Readonly<Record<string, readonly [start: string, drip: string]>> = {
  nothing: ['', ''],
  'half a line': ['GET /api/prod', ''],
  'half a head': [`GET / HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(8000)}`, ''],
  'half a body': [POST + 'x'.repeat(BODY_BYTES / 2), ''],
  'a byte of a head a second': ['GET / HTTP/1.1\r\nHost: x\r\nX-A: ', 'a'],
  'a byte of a body a second': [POST, 'x'],
};

/** A connection that reads nothing until a listener is added. */
async function connectTo({ url }: Service): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  // A reset ends the connection too.
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Slow clients of all kinds. */
class SlowClients {
  /** The responses to each kind of client. */
  readonly responses = new Map<string, string[]>();
  private readonly sockets: Socket[] = [];
  private readonly timers: NodeJS.Timeout[] = [];

  async open(): Promise<void> {
    for (const [name, [start, drip]] of Object.entries(TALKERS)) {
      this.responses.set(name, []);
      for (let nth = 0; nth < CLIENTS; nth += 1) {
        const socket = await this.connect(start);
        socket.on('data', (bytes) =>
          this.responses.get(name)?.push(bytes.toString('latin1', 0, 12)),
        );
        if (drip !== '') this.every(1000, () => socket.write(drip));
      }
    }
    for (let nth = 0; nth < CLIENTS; nth += 1) {
      await this.connect(get(LARGE_PAGE).repeat(30));
      const slow = await this.connect(get(LARGE_PAGE).repeat(30));
      this.every(500, () => {
        slow.read(16_000);
      });
    }
  }

  close(): void {
    for (const timer of this.timers) clearInterval(timer);
    for (const socket of this.sockets) socket.destroy();
  }

  private async connect(start: string): Promise<Socket> {
    const socket = await connectTo(service);
    socket.write(start);
    this.sockets.push(socket);
    return socket;
  }

  private every(ms: number, act: () => void): void {
    this.timers.push(setInterval(act, ms));
  }
}

/** The median latency of ordinary clients, in milliseconds. */
async function medianLatency(): Promise<number> {
  const waits: number[] = [];
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      const connection = await RawConnection.open(service.url);
      for (let nth = 0; nth < 300; nth += 1) {
        const start = performance.now();
        connection.write(get('/api/products?limit=5'));
        expect((await connection.nextResponse())?.status).toBe(200);
        waits.push(performance.now() - start);
      }
      connection.close();
    }),
  );
  return waits.sort((a, b) => a - b)[waits.length / 2] ?? 0;
}

function connections(): number {
  return readdirSync(`/proc/${service.pid}/fd`).length;
}

async function untilConnections(count: number): Promise<void> {
  await eventually(() => Promise.resolve(connections() <= count ? true : undefined), GIVEN_UP_MS);
}

describe('Slow clients', () => {
  const clients = [new SlowClients(), new SlowClients()];

  afterEach(() => {
    for (const each of clients) each.close();
  });

  it('do not delay other clients, cost little memory, and are disconnected', async () => {
    await medianLatency();
    const idle = connections() + 10;
    const megabytes = service.residentMegabytes();
    const without: number[] = [];
    const beside: number[] = [];
    for (const slow of clients) {
      without.push(await medianLatency());
      await slow.open();
      beside.push(await medianLatency());
      expect(service.residentMegabytes()).toBeLessThan(megabytes + 256);
      if (slow === clients[0]) {
        slow.close();
        await untilConnections(idle);
      }
    }
    expect(Math.min(...beside)).toBeLessThan(5 * Math.max(...without));

    // Clients that do not read their responses, or read them slowly, may stay for longer.
    await untilConnections(idle + 2 * CLIENTS);
    for (const [kind, responses] of clients[1]?.responses ?? []) {
      expect({ kind, responses }).toEqual({ kind, responses: Array(CLIENTS).fill('HTTP/1.1 408') });
    }
  }, 240_000);
});

describe('A connection between two requests', () => {
  const HALF_A_HEAD = 'POST /api/webhooks/catalog HTTP/1.1\r\nHo';
  const HALF_A_BODY = `${POST}x`;

  /** A connection after its first response. */
  async function used(url: string): Promise<[RawConnection, keepAlive: string | undefined]> {
    const connection = await RawConnection.open(url);
    connection.write(get('/health/live'));
    const response = await connection.nextResponse();
    expect(response?.status).toBe(200);
    return [connection, response?.headers.get('keep-alive')];
  }

  it('stays open longer than load balancers keep it, but not with half a request', async () => {
    const [idle, keepAlive] = await used(service.url);
    // Google's load balancer keeps it for 600 s.
    expect(keepAlive).toBe('timeout=620');
    await Promise.all(
      [HALF_A_HEAD, HALF_A_BODY].map(async (half) => {
        const [connection] = await used(service.url);
        connection.write(half);
        expect((await connection.remainingResponses()).map(({ status }) => status)).toEqual([408]);
      }),
    );
    idle.write(POST + 'x'.repeat(BODY_BYTES));
    expect((await idle.nextResponse())?.status).toBe(503);
    idle.close();
  }, 60_000);

  it('is closed after KEEP_ALIVE_TIMEOUT_MS, but not during a request', async () => {
    const brief = await startService({
      DATABASE_URL: database.url,
      KEEP_ALIVE_TIMEOUT_MS: '1000',
    });
    const [idle, keepAlive] = await used(brief.url);
    expect(keepAlive).toBe('timeout=1');
    const [busy] = await used(brief.url);
    busy.write(HALF_A_BODY);
    expect(await idle.remainingResponses()).toEqual([]);
    expect(busy.ended).toBe(false);
    busy.write('x'.repeat(BODY_BYTES - 1));
    expect((await busy.nextResponse())?.status).toBe(503);
    await brief.kill('SIGKILL');
  });
});

describe('Clients that send requests and do not read responses', () => {
  it('get one response each, and cost no more memory than that', async () => {
    await medianLatency();
    const megabytes = service.residentMegabytes();
    const greedy = await Promise.all(
      Array.from({ length: 30 }, async () => {
        const socket = await connectTo(service);
        socket.write(get('/api/products?limit=50').repeat(1200));
        return socket;
      }),
    );
    await sleep(2000);
    expect(service.residentMegabytes()).toBeLessThan(megabytes + 150);
    for (const socket of greedy) socket.resume();
    await eventually(
      () => Promise.resolve(greedy.every(({ destroyed }) => destroyed) ? true : undefined),
      GIVEN_UP_MS,
    );
  }, 60_000);

  it.each([
    ['a small response', '/health/live'],
    ['a large response', LARGE_PAGE],
  ])('get %s and the end of the connection, and may retry the other requests', async (_, path) => {
    const connection = await RawConnection.open(service.url);
    connection.write(get(path).repeat(1200));
    const responses = await connection.remainingResponses();
    expect(responses.map(({ status }) => status)).toEqual([200]);
    expect(responses[0]?.headers.get('connection')).toBe('close');
    connection.close();
  });

  it('get the whole response also when they send the next request while it arrives', async () => {
    const socket = await connectTo(service);
    socket.write(get(`/docs/${FILE}`));
    await once(socket, 'readable');
    socket.write(get('/health/live'));
    await sleep(100);
    const response = (await buffer(socket)).toString('latin1');
    const [head = '', body = ''] = response.split(/\r\n\r\n(.*)/s);
    expect(head).toContain(`content-length: ${body.length}`);
  });
});

describe('Clients that close the connection after several requests', () => {
  async function untilClosed(): Promise<void> {
    const descriptors = `/proc/${service.pid}/fd`;
    const isOpen = (name: string): boolean => {
      try {
        return readlinkSync(`${descriptors}/${name}`).endsWith(FILE);
      } catch {
        // Closed meanwhile.
        return false;
      }
    };
    await eventually(() =>
      Promise.resolve(readdirSync(descriptors).some(isOpen) ? undefined : true),
    );
  }

  it('leave no file open, and the log has the request that was started', async () => {
    const ids = Array.from({ length: 10 }, () => randomUUID());
    const socket = await connectTo(service);
    socket.write(
      ids
        .map((id) => `GET /docs/${FILE} HTTP/1.1\r\nHost: x\r\nX-Request-Id: ${id}\r\n\r\n`)
        .join(''),
    );
    await once(socket, 'readable');
    socket.destroy();
    const isLogged = (id: string): boolean => service.logs().includes(id);
    await eventually(() => Promise.resolve(isLogged(ids[0] ?? '') ? true : undefined));
    await untilClosed();
    expect(ids.filter(isLogged)).toEqual(ids.slice(0, 1));
  });
});

describe('A client that sends bytes that are not a request behind a request', () => {
  it('gets the whole response and the end of the connection, however many bytes follow', async () => {
    const connection = await RawConnection.open(service.url);
    connection.write(`${get(LARGE_PAGE)}GARBAGE\r\n\r\n`);
    connection.write(Buffer.alloc(64 * 1024 * 1024, 'x'));
    const responses = await connection.remainingResponses();
    expect(responses.map(({ status }) => status)).toEqual([200]);
    expect(responses[0]?.headers.get('connection')).toBe('close');
    connection.close();
  });
});
