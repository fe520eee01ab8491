import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';

import {
  MAX_CONNECTIONS,
  OversizedAnswerError,
  partnerFetch,
  partnerRequest,
  type PartnerRequest,
  type PartnerResponse,
} from './partner-fetch.js';

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(listener: RequestListener, port = 0): Promise<Server> {
  const server = createServer(listener).listen(port, '127.0.0.1');
  await once(server, 'listening');
  servers.push(server);
  return server;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

function request(
  server: Server,
  { path = '/', ...changes }: Partial<PartnerRequest> & { path?: string } = {},
): Promise<PartnerResponse> {
  return partnerRequest(`http://127.0.0.1:${portOf(server)}${path}`, {
    headers: {},
    signal: AbortSignal.timeout(5000),
    maxBytes: 1000,
    ...changes,
  });
}

async function bodyOf(answer: RequestListener): Promise<string> {
  return (await request(await serve(answer))).body.toString();
}

async function errorOf(response: Promise<unknown>): Promise<Error> {
  try {
    await response;
  } catch (error) {
    return error as Error;
  }
  throw new Error('It did not fail.');
}

/** The path and the headers that a request is sent with. */
async function sent(changes: Parameters<typeof request>[1]): Promise<IncomingMessage> {
  return await new Promise((resolve, reject) => {
    serve((incoming, response) => {
      resolve(incoming);
      response.end();
    })
      .then((server) => request(server, changes))
      .catch(reject);
  });
}

describe(partnerRequest.name, () => {
  it('sends method, path, query and headers', async () => {
    const { method, url, headers } = await sent({
      method: 'PUT',
      path: '/a%2Fb?c=d',
      headers: { Authorization: 'Bearer abc' },
      body: 'x',
    });
    expect([method, url]).toEqual(['PUT', '/a%2Fb?c=d']);
    expect(headers).toMatchObject({
      authorization: 'Bearer abc',
      'user-agent': expect.stringMatching(/^farmlokal\/\d/),
      'accept-encoding': 'identity',
      'content-length': '1',
    });
  });

  it('sends a form', async () => {
    const server = await serve(
      (incoming, response) => void text(incoming).then((body) => response.end(body)),
    );
    const body = new URLSearchParams({ a: 'b c', d: 'ü' });
    expect((await request(server, { method: 'POST', body })).body.toString()).toBe(
      'a=b+c&d=%C3%BC',
    );
  });

  it('does not follow a redirect', async () => {
    const server = await serve((_, response) => response.writeHead(302, { location: '/b' }).end());
    const { status, headers } = await request(server);
    expect([status, headers.get('location')]).toEqual([302, '/b']);
  });

  it('returns all values of a header', async () => {
    const server = await serve((_, response) => response.writeHead(200, { via: ['a', 'b'] }).end());
    expect((await request(server)).headers.get('via')).toBe('a, b');
  });

  it('returns the final response after an informational one', async () => {
    const body = await bodyOf((_, response) => {
      response.writeEarlyHints({ link: '</a>; rel=preload' }, () => response.end('final'));
    });
    expect(body).toBe('final');
  });

  it.each<[string, (body: string) => Buffer]>([
    ['gzip', gzipSync],
    ['X-GZIP', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
    ['identity', (body) => Buffer.from(body)],
    ['unheard-of', (body) => Buffer.from(body)],
  ])('reads a body in %s', async (encoding, compress) => {
    const body = await bodyOf((_, response) =>
      response.writeHead(200, { 'content-encoding': encoding }).end(compress('{"a":"ü"}')),
    );
    expect(body).toBe('{"a":"ü"}');
  });

  it('reads an empty body that is said to be compressed', async () => {
    const body = await bodyOf((_, response) =>
      response.writeHead(204, { 'content-encoding': 'gzip' }).end(),
    );
    expect(body).toBe('');
  });

  it('fails when a compressed body is cut off', async () => {
    const answer = bodyOf((_, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('abc').subarray(0, 15)),
    );
    expect(await errorOf(answer)).toMatchObject({ cause: { code: 'Z_BUF_ERROR' } });
  });

  it('reads a body of just as many bytes as it may have', async () => {
    expect(await bodyOf((_, response) => response.end('x'.repeat(1000)))).toHaveLength(1000);
  });

  it.each<[string, RequestListener]>([
    ['with a length', (_, response) => response.end('x'.repeat(1001))],
    [
      'without an end',
      (_, response) => {
        const drip = setInterval(() => response.write('x'.repeat(100)), 1);
        response.on('close', () => {
          clearInterval(drip);
        });
      },
    ],
    [
      'compressed',
      (_, response) =>
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('x'.repeat(1001))),
    ],
  ])('fails when a body is too large: %s', async (_, answer) => {
    expect(await errorOf(bodyOf(answer))).toBeInstanceOf(OversizedAnswerError);
  });

  it.each<[string, RequestListener, string]>([
    ['before the response', (incoming) => incoming.socket.destroy(), 'UND_ERR_SOCKET'],
    ['by a reset', (incoming) => incoming.socket.resetAndDestroy(), 'ECONNRESET'],
    [
      'in the body',
      (_, response) => {
        response.writeHead(200, { 'content-length': 9 }).write('x', () => response.destroy());
      },
      'UND_ERR_SOCKET',
    ],
  ])('fails with the reason when the connection ends %s', async (_, answer, code) => {
    expect(await errorOf(bodyOf(answer))).toMatchObject({ cause: { code } });
  });

  it('fails with the reason when nobody listens', async () => {
    const server = await serve(() => undefined);
    const refused = request(server);
    const { port } = server.address() as AddressInfo;
    server.closeAllConnections();
    server.close();
    await errorOf(refused);
    const again = partnerRequest(`http://127.0.0.1:${port}`, {
      headers: {},
      signal: AbortSignal.timeout(5000),
      maxBytes: 1,
    });
    expect(await errorOf(again)).toMatchObject({ cause: { code: 'ECONNREFUSED' } });
  });

  it.each<[string, RequestListener]>([
    ['headers', () => undefined],
    ['the rest of the body', (_, response) => response.write('x')],
  ])('gives up waiting for %s and closes the connection', async (_, answer) => {
    const server = await serve(answer);
    const closed = new Promise((resolve) => {
      server.on('connection', (socket) => socket.on('close', resolve));
    });
    const error = await errorOf(request(server, { signal: AbortSignal.timeout(200) }));
    expect(error.name).toBe('TimeoutError');
    await closed;
  });

  it('sends nothing once its signal is aborted', async () => {
    let requests = 0;
    const server = await serve(() => (requests += 1));
    const error = await errorOf(request(server, { signal: AbortSignal.abort(new Error('late')) }));
    expect(error.message).toBe('late');
    expect(requests).toBe(0);
  });
});

describe('Connections to a partner', () => {
  it('are used again', async () => {
    const sockets = new Set<Socket>();
    const server = await serve(({ socket }, response) => {
      sockets.add(socket);
      response.end();
    });
    for (let nth = 0; nth < 5; nth += 1) await request(server);
    expect(sockets.size).toBeLessThan(5);
  });

  it('are at most fifty; a request that is given up meanwhile is not sent', async () => {
    expect(MAX_CONNECTIONS).toBe(50);
    const paths: (string | undefined)[] = [];
    const held: (() => void)[] = [];
    const server = await serve(({ url }, response) => {
      paths.push(url);
      held.push(() => response.end());
    });
    const running = Array.from({ length: 50 }, () => request(server));
    const waiting = Array.from({ length: 10 }, () => request(server, { path: '/waiting' }));
    const signal = AbortSignal.timeout(100);
    const error = await errorOf(request(server, { path: '/given-up', signal }));
    expect(error.name).toBe('TimeoutError');
    while (held.length < 50) await new Promise(setImmediate);
    expect(paths).not.toContain('/waiting');
    const release = setInterval(() => {
      for (const end of held.splice(0)) end();
    }, 1);
    await Promise.all([...running, ...waiting]);
    clearInterval(release);
    expect(paths.filter((path) => path === '/waiting')).toHaveLength(10);
    expect(paths).not.toContain('/given-up');
  });

  it('that were closed while idle fail no request', async () => {
    const sockets = new Set<Socket>();
    const answer: RequestListener = ({ socket }, response) => {
      sockets.add(socket);
      response.end();
    };
    const server = await serve(answer);
    await Promise.all(Array.from({ length: 10 }, () => request(server)));
    // The partner restarts.
    const closed = [...sockets].map((socket) => once(socket, 'close'));
    for (const socket of sockets) socket.end();
    await Promise.all(closed);
    const port = portOf(server);
    await new Promise((resolve) => server.close(resolve));
    const restarted = await serve(answer, port);
    const responses = await Promise.all(Array.from({ length: 10 }, () => request(restarted)));
    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
  });
});

describe(partnerFetch.name, () => {
  it.each([
    [200, '{"a":1}'],
    [503, '{"a":1}'],
    [204, ''],
  ])('returns a response of the Fetch API with status %d', async (status, body) => {
    const server = await serve((_, response) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(body),
    );
    const response = await partnerFetch(`http://127.0.0.1:${portOf(server)}`, {
      headers: {},
      signal: AbortSignal.timeout(5000),
      maxBytes: 1000,
    });
    expect(response).toBeInstanceOf(Response);
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await response.text()).toBe(body);
  });
});
