import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

import { requestStock } from './inventory-api.js';
import { InventoryError } from './inventory-error.js';
import type { Stock } from './stock.js';

const BODY = { sku: 'OKRA-1', quantity: 12, asOf: '2026-11-23T06:30:00Z' };

let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function request(respond: RequestListener, sku = 'OKRA-1'): Promise<Stock | undefined> {
  server = createServer(respond).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return await requestStock(`http://127.0.0.1:${port}/v1`, { sku, token: 'abc', timeoutMs: 500 });
}

async function errorOf(respond: RequestListener): Promise<InventoryError> {
  const error: unknown = await request(respond).catch((thrown: unknown) => thrown);
  if (error instanceof InventoryError) return error;
  throw new Error(`Not an InventoryError: ${JSON.stringify(error)}`);
}

describe(requestStock.name, () => {
  it('sends the sku and the token', async () => {
    let received: unknown[] = [];
    const stock = await request(({ method, url, headers }, response) => {
      received = [method, url, headers.authorization, headers['user-agent']];
      response.end(JSON.stringify({ ...BODY, sku: 'a/b?ü' }));
    }, 'a/b?ü');
    expect(stock).toEqual({ quantity: 12, asOf: '2026-11-23T06:30:00Z' });
    expect(received).toEqual([
      'GET',
      '/v1/products/a%2Fb%3F%C3%BC/availability',
      'Bearer abc',
      expect.stringMatching(/^farmlokal\//),
    ]);
  });

  it.each(['.', '..'])(
    'sends no request for the sku %j, which would change the path',
    async (sku) => {
      let requested = false;
      const stock = await request((_, response) => {
        requested = true;
        response.end(JSON.stringify({ ...BODY, sku }));
      }, sku);
      expect({ stock, requested }).toEqual({ stock: undefined, requested: false });
    },
  );

  it.each([{}, { 'content-type': 'application/json' }, { 'content-type': 'text/plain' }])(
    'treats a 404 with the headers %j as an unknown sku',
    async (headers) => {
      expect(
        await request((_, response) => response.writeHead(404, headers).end()),
      ).toBeUndefined();
    },
  );

  it('treats a 404 with an HTML page as a failure', async () => {
    const error = await errorOf((_, response) => {
      response.writeHead(404, { 'content-type': 'text/html' }).end('<h1>Not found</h1>');
    });
    expect(error).toMatchObject({ status: 404, countsAsFailure: true, transient: false });
  });

  it.each([
    [429, true, true],
    [500, true, false],
    [502, true, true],
    [503, true, true],
    [504, true, true],
    [302, true, false],
    [204, true, false],
    [400, false, false],
    [401, false, false],
    [403, false, false],
    [431, false, false],
  ])(
    'classifies status %d: failure of the inventory %s, transient %s',
    async (status, countsAsFailure, transient) => {
      const error = await errorOf((_, response) => {
        response.writeHead(status, { location: '/elsewhere' }).end();
      });
      expect(error).toMatchObject({ status, countsAsFailure, transient });
    },
  );

  it.each<[string, RequestListener]>([
    ['closed before a response', ({ socket }) => socket.destroy()],
    [
      'closed within the body',
      (_, response) => response.writeHead(200, { 'content-length': 99 }).write('{'),
    ],
    ['without a response', () => undefined],
    [
      'without an end of the body',
      (_, response) => {
        const drip = setInterval(() => response.write(' '), 20);
        response.on('close', () => {
          clearInterval(drip);
        });
      },
    ],
  ])('treats a connection %s as a transient failure', async (_, respond) => {
    expect(await errorOf(respond)).toMatchObject({ countsAsFailure: true, transient: true });
  });

  it.each<[string, RequestListener]>([
    [
      'with megabytes',
      (_, response) => response.end(JSON.stringify({ ...BODY, x: 'x'.repeat(5e6) })),
    ],
    [
      'with megabytes after decompression',
      (_, response) =>
        response
          .writeHead(200, { 'content-encoding': 'gzip' })
          .end(gzipSync(JSON.stringify({ ...BODY, x: 'x'.repeat(5e6) }))),
    ],
    ['that is not JSON', (_, response) => response.end('nonsense')],
    ['with another sku', (_, response) => response.end(JSON.stringify({ ...BODY, sku: 'B' }))],
  ])('treats a response %s as a permanent failure', async (_, respond) => {
    expect(await errorOf(respond)).toMatchObject({ countsAsFailure: true, transient: false });
  });

  it.each([
    ['HTTP/9.9 200 OK', 'Invalid HTTP version'],
    ['* OK IMAP4 ready', 'Expected HTTP/, RTSP/ or ICE/'],
  ])('reports that %j is not valid HTTP', async (head, reason) => {
    const { message } = await errorOf(({ socket }) => socket.end(`${head}\r\n\r\n`));
    expect(message).toBe(
      `The request to the inventory failed: the response is not valid HTTP (${reason}).`,
    );
  });

  it('reports that the access token may be too large when the inventory responds with 431', async () => {
    const { message } = await errorOf((_, response) => response.writeHead(431).end());
    expect(message).toBe(
      'The inventory responds with status 431: check whether the access token is too large.',
    );
  });

  it('parses a response with a byte order mark', async () => {
    const stock = await request((_, response) => response.end(`\uFEFF${JSON.stringify(BODY)}`));
    expect(stock?.quantity).toBe(12);
  });

  it('accepts a response that arrived while the event loop was blocked', async () => {
    const stock = await request((_, response) => {
      response.end(JSON.stringify(BODY));
      const until = performance.now() + 600;
      while (performance.now() < until);
    });
    expect(stock?.quantity).toBe(12);
  });

  it('reports the Retry-After header', async () => {
    const error = await errorOf((_, response) =>
      response.writeHead(503, { 'retry-after': '7' }).end(),
    );
    expect(error.retryAfterMs).toBe(7000);
  });
});
