import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { faultsOf } from '../statistics.js';
import { type CheckedRequest, Load, type LoadOptions } from './load.js';

let server: Server;

async function send(listener: RequestListener, options: Partial<LoadOptions<CheckedRequest>>) {
  server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const next = () => ({ path: '/' });
  return await new Load({ url, next, seconds: 0.3, connections: 1, ...options }, 100).finished();
}

function reply(response: ServerResponse, status = 200, headers: object = {}): ServerResponse {
  const body = status === 304 ? '' : 'a body';
  return response.writeHead(status, { 'content-length': body.length, ...headers }).end(body);
}

afterEach(() => {
  server.close().closeAllConnections();
});

describe(Load.name, () => {
  it('sends at a constant rate, in the order of the requests', async () => {
    let nth = 0;
    const next = () => ({ path: `/${nth++}` });
    const paths: string[] = [];
    const listener: RequestListener = ({ url = '' }, response) => {
      paths.push(url);
      reply(response);
    };
    expect(faultsOf(await send(listener, { rate: 50, next }))).toEqual({});
    expect(paths).toEqual(Array.from({ length: 15 }, (_, index) => `/${index}`));
  });

  it('keeps each connection busy without a rate, until there are no more requests', async () => {
    let left = 20;
    let concurrent = 0;
    let most = 0;
    const next = () => (left-- > 0 ? { path: '/' } : undefined);
    const listener: RequestListener = (_request, response) => {
      most = Math.max(most, (concurrent += 1));
      setTimeout(() => {
        concurrent -= 1;
        reply(response);
      }, 20);
    };
    expect((await send(listener, { connections: 3, seconds: 600, next })).length).toBe(20);
    expect(most).toBe(3);
  });

  it('names what is wrong with a response, and continues', async () => {
    const responses: ((response: ServerResponse) => unknown)[] = [
      (response) => reply(response, 304),
      (response) => reply(response, 500),
      (response) => reply(response, 200, { connection: 'close' }),
      (response) => response.socket?.destroy(),
      (response) => response.writeHead(200).end('a body of unknown length'),
      () => undefined,
    ];
    let nth = 0;
    const listener: RequestListener = (_request, response) => responses[nth++ % 6]?.(response);
    expect(faultsOf(await send(listener, { rate: 12, seconds: 1 }))).toEqual({
      'status 500': 2,
      'connection closed before a complete response': 2,
      'status 200 without content-length': 2,
      'no response within 0.1 s': 2,
    });
  });

  it('passes a response that arrives in several parts to the check of its request', async () => {
    const next = () => ({ path: '/', check: ({ body }: { body: Buffer }) => body.toString() });
    const listener: RequestListener = (_request, response) => {
      response.writeHead(200, { 'content-length': 8 }).write('half');
      setImmediate(() => response.end('HALF'));
    };
    expect(faultsOf(await send(listener, { rate: 20, next }))).toEqual({ halfHALF: 6 });
  });

  it('counts the wait for a connection from when a request was due', async () => {
    const listener: RequestListener = (_request, response) => setTimeout(reply, 50, response);
    const outcomes = await send(listener, { rate: 100 });
    expect(outcomes.length).toBeLessThan(10);
    expect(outcomes.at(-1)?.latency).toBeGreaterThan(100);
  });
});
