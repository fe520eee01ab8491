import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';

import { PartnerError, ResponseTooLargeError } from './partner-error.js';
import {
  MAX_CONNECTIONS,
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

async function bodyOf(respond: RequestListener): Promise<string> {
  return (await request(await serve(respond))).body.toString();
}

async function errorOf(response: Promise<unknown>): Promise<Error> {
  try {
    await response;
  } catch (error) {
    return error as Error;
  }
  throw new Error('It did not fail.');
}

/** The request that the partner receives. */
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

  it('reads an empty body with a Content-Encoding', async () => {
    const body = await bodyOf((_, response) =>
      response.writeHead(204, { 'content-encoding': 'gzip' }).end(),
    );
    expect(body).toBe('');
  });

  it('fails when a compressed body is cut off', async () => {
    const body = bodyOf((_, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('abc').subarray(0, 15)),
    );
    expect(await errorOf(body)).toMatchObject({ cause: { code: 'Z_BUF_ERROR' } });
  });

  it('reads a body of the maximum size', async () => {
    expect(await bodyOf((_, response) => response.end('x'.repeat(1000)))).toHaveLength(1000);
  });

  it.each<[string, RequestListener]>([
    ['with a Content-Length', (_, response) => response.end('x'.repeat(1001))],
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
  ])('fails when a body is too large: %s', async (_, respond) => {
    expect(await errorOf(bodyOf(respond))).toBeInstanceOf(ResponseTooLargeError);
  });

  it.each<[string, RequestListener, string]>([
    ['before a response', (incoming) => incoming.socket.destroy(), 'UND_ERR_SOCKET'],
    ['by a reset', (incoming) => incoming.socket.resetAndDestroy(), 'ECONNRESET'],
    [
      'in the body',
      (_, response) => {
        response.writeHead(200, { 'content-length': 9 }).write('x', () => response.destroy());
      },
      'UND_ERR_SOCKET',
    ],
  ])('fails with the reason when the connection ends %s', async (_, respond, code) => {
    expect(await errorOf(bodyOf(respond))).toMatchObject({ cause: { code } });
  });

  it.each([
    ['HTTP/9.9 200 OK', 'Invalid HTTP version'],
    ['HTTP/1.1 abc OK', 'Invalid status code'],
    ['SSH-2.0-OpenSSH_9.2', 'Expected HTTP/, RTSP/ or ICE/'],
    ['HTTP/1.1 200 OK\r\nbad header', 'Invalid header token'],
    ['HTTP/1.1 200 OK\r\nContent-Length: x', 'Invalid character in Content-Length'],
  ])('fails when the response is not valid HTTP: %j', async (head, reason) => {
    const error = await errorOf(
      bodyOf(({ socket }) => {
        socket.end(`${head}\r\n\r\n`);
      }),
    );
    expect(error).toBeInstanceOf(PartnerError);
    expect(error.message).toBe(`the response is not valid HTTP (${reason})`);
  });

  it('fails with the reason when no server listens', async () => {
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
  ])('aborts while it waits for %s and closes the connection', async (_, respond) => {
    const server = await serve(respond);
    const closed = new Promise((resolve) => {
      server.on('connection', (socket) => socket.on('close', resolve));
    });
    const error = await errorOf(request(server, { signal: AbortSignal.timeout(200) }));
    expect(error.name).toBe('TimeoutError');
    await closed;
  });

  it('sends nothing when its signal is aborted', async () => {
    let requests = 0;
    const server = await serve(() => (requests += 1));
    const error = await errorOf(request(server, { signal: AbortSignal.abort(new Error('late')) }));
    expect(error.message).toBe('late');
    expect(requests).toBe(0);
  });
});

describe('The connections to a partner', () => {
  it('are reused', async () => {
    const sockets = new Set<Socket>();
    const server = await serve(({ socket }, response) => {
      sockets.add(socket);
      response.end();
    });
    for (let nth = 0; nth < 5; nth += 1) await request(server);
    expect(sockets.size).toBeLessThan(5);
  });

  it('number at most fifty, and a request that is aborted while it waits is not sent', async () => {
    expect(MAX_CONNECTIONS).toBe(50);
    const paths: (string | undefined)[] = [];
    const pending: (() => void)[] = [];
    const server = await serve(({ url }, response) => {
      paths.push(url);
      pending.push(() => response.end());
    });
    const running = Array.from({ length: 50 }, () => request(server));
    const waiting = Array.from({ length: 10 }, () => request(server, { path: '/waiting' }));
    const signal = AbortSignal.timeout(100);
    const error = await errorOf(request(server, { path: '/aborted', signal }));
    expect(error.name).toBe('TimeoutError');
    while (pending.length < 50) await new Promise(setImmediate);
    expect(paths).not.toContain('/waiting');
    const release = setInterval(() => {
      for (const end of pending.splice(0)) end();
    }, 1);
    await Promise.all([...running, ...waiting]);
    clearInterval(release);
    expect(paths.filter((path) => path === '/waiting')).toHaveLength(10);
    expect(paths).not.toContain('/aborted');
  });

  it('that the partner closes while idle fail no request', async () => {
    const sockets = new Set<Socket>();
    const respond: RequestListener = ({ socket }, response) => {
      sockets.add(socket);
      response.end();
    };
    const server = await serve(respond);
    await Promise.all(Array.from({ length: 10 }, () => request(server)));
    // The partner restarts.
    const closed = [...sockets].map((socket) => once(socket, 'close'));
    for (const socket of sockets) socket.end();
    await Promise.all(closed);
    const port = portOf(server);
    await new Promise((resolve) => server.close(resolve));
    const restarted = await serve(respond, port);
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
