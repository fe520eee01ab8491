import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

import { askInventory } from './inventory-api.js';
import { InventoryError } from './inventory-error.js';
import type { Stock } from './stock.js';

const ANSWER = { sku: 'OKRA-1', quantity: 12, asOf: '2026-11-23T06:30:00Z' };

let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function ask(answer: RequestListener, sku = 'OKRA-1'): Promise<Stock | undefined> {
  server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return await askInventory(`http://127.0.0.1:${port}/v1`, { sku, token: 'abc', timeoutMs: 500 });
}

async function faultOf(answer: RequestListener): Promise<InventoryError> {
  const fault: unknown = await ask(answer).catch((error: unknown) => error);
  if (fault instanceof InventoryError) return fault;
  throw new Error(`It is ${JSON.stringify(fault)}`);
}

describe(askInventory.name, () => {
  it('asks for the sku, with the token', async () => {
    let asked: unknown[] = [];
    const stock = await ask(({ method, url, headers }, response) => {
      asked = [method, url, headers.authorization, headers['user-agent']];
      response.end(JSON.stringify({ ...ANSWER, sku: 'a/b?ü' }));
    }, 'a/b?ü');
    expect(stock).toEqual({ quantity: 12, asOf: '2026-11-23T06:30:00Z' });
    expect(asked).toEqual([
      'GET',
      '/v1/products/a%2Fb%3F%C3%BC/availability',
      'Bearer abc',
      expect.stringMatching(/^farmlokal\//),
    ]);
  });

  it.each(['.', '..'])('asks nothing about the sku %j, which would lead elsewhere', async (sku) => {
    let asked = false;
    const answer = await ask((_, response) => {
      asked = true;
      response.end(JSON.stringify({ ...ANSWER, sku }));
    }, sku);
    expect({ answer, asked }).toEqual({ answer: undefined, asked: false });
  });

  it.each([{}, { 'content-type': 'application/json' }, { 'content-type': 'text/plain' }])(
    'takes a 404 of %j for a sku that is not known',
    async (headers) => {
      expect(await ask((_, response) => response.writeHead(404, headers).end())).toBeUndefined();
    },
  );

  it('takes a 404 that is a page for a fault', async () => {
    const fault = await faultOf((_, response) => {
      response.writeHead(404, { 'content-type': 'text/html' }).end('<h1>Not found</h1>');
    });
    expect(fault).toMatchObject({ status: 404, counts: true, transient: false });
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
  ])('of %d it says that it counts: %s, and may pass: %s', async (status, counts, transient) => {
    const fault = await faultOf((_, response) => {
      response.writeHead(status, { location: '/elsewhere' }).end();
    });
    expect(fault).toMatchObject({ status, counts, transient });
  });

  it.each<[string, RequestListener]>([
    ['cut off', (request) => request.socket.destroy()],
    [
      'cut off in the middle',
      (_, response) => response.writeHead(200, { 'content-length': 99 }).write('{'),
    ],
    ['never there', () => undefined],
    [
      'never at its end',
      (_, response) => {
        const drip = setInterval(() => response.write(' '), 20);
        response.on('close', () => {
          clearInterval(drip);
        });
      },
    ],
  ])('takes an answer that is %s for a fault that may pass', async (_, answer) => {
    expect(await faultOf(answer)).toMatchObject({ counts: true, transient: true });
  });

  it.each<[string, RequestListener]>([
    [
      'of megabytes',
      (_, response) => response.end(JSON.stringify({ ...ANSWER, x: 'x'.repeat(5e6) })),
    ],
    [
      'of megabytes once it is unpacked',
      (_, response) =>
        response
          .writeHead(200, { 'content-encoding': 'gzip' })
          .end(gzipSync(JSON.stringify({ ...ANSWER, x: 'x'.repeat(5e6) }))),
    ],
    ['that is no JSON', (_, response) => response.end('nonsense')],
    ['about another sku', (_, response) => response.end(JSON.stringify({ ...ANSWER, sku: 'B' }))],
  ])('takes an answer %s for a fault that stays', async (_, answer) => {
    expect(await faultOf(answer)).toMatchObject({ counts: true, transient: false });
  });

  it('reads an answer with a byte order mark', async () => {
    const stock = await ask((_, response) => response.end(`\uFEFF${JSON.stringify(ANSWER)}`));
    expect(stock?.quantity).toBe(12);
  });

  it('reads an answer that arrived while the event loop was blocked', async () => {
    const stock = await ask((_, response) => {
      response.end(JSON.stringify(ANSWER));
      const until = performance.now() + 600;
      while (performance.now() < until);
    });
    expect(stock?.quantity).toBe(12);
  });

  it('says how long the inventory asks to be left alone', async () => {
    const fault = await faultOf((_, response) =>
      response.writeHead(503, { 'retry-after': '7' }).end(),
    );
    expect(fault.retryAfterMs).toBe(7000);
  });
});
