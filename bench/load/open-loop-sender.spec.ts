import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { sendLoad, type SenderLoad, type SenderResult } from './open-loop-sender.js';

let server: Server | undefined;

/** Sends a load to a server that answers like this. */
async function send(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  load: Partial<SenderLoad>,
): Promise<SenderResult> {
  server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return await sendLoad({
    host: '127.0.0.1',
    port,
    requests: [get('/')],
    seconds: 0.3,
    connections: 4,
    rate: undefined,
    timeoutMs: 5000,
    ...load,
  });
}

function get(path: string): Buffer {
  return Buffer.from(`GET ${path} HTTP/1.1\r\nhost: test\r\n\r\n`);
}

function reply(response: ServerResponse, status: number, headers: object = {}): void {
  const body = status === 304 ? '' : 'a body';
  response.writeHead(status, { 'content-length': body.length, ...headers }).end(body);
}

afterEach(() => {
  server?.close().closeAllConnections();
});

describe(sendLoad.name, () => {
  it('sends the requests in their order, then again from the first, each once', async () => {
    const paths: string[] = [];
    const { offered, sent, accepted, faults } = await send(
      (request, response) => {
        paths.push(request.url ?? '');
        reply(response, 200);
      },
      { connections: 1, rate: 50, requests: [get('/a'), get('/b'), get('/c')] },
    );
    expect(paths.length).toBe(15);
    expect(paths).toEqual(paths.map((_, nth) => ['/a', '/b', '/c'][nth % 3]));
    expect({ offered, sent, accepted, faults }).toEqual({
      offered: 15,
      sent: 15,
      accepted: 15,
      faults: {},
    });
  });

  it('keeps each connection busy with one request when there is no rate', async () => {
    let concurrent = 0;
    let most = 0;
    const { sent, offered, accepted } = await send(
      (_request, response) => {
        concurrent += 1;
        most = Math.max(most, concurrent);
        setTimeout(() => {
          concurrent -= 1;
          reply(response, 200);
        }, 20);
      },
      { connections: 3, seconds: 1 },
    );
    expect(most).toBe(3);
    expect(sent).toBeGreaterThan(10);
    expect([offered, accepted]).toEqual([sent, sent]);
  });

  it('sorts responses into accepted ones, refusals and faults', async () => {
    const answers: ((response: ServerResponse) => void)[] = [
      (response) => {
        reply(response, 200);
      },
      (response) => {
        reply(response, 304);
      },
      (response) => {
        reply(response, 503, { 'retry-after': '1' });
      },
      (response) => {
        reply(response, 503);
      },
      (response) => {
        reply(response, 500);
      },
      (response) => response.socket?.destroy(),
      (response) => {
        response.writeHead(200, { 'content-length': 100 }).write('cut off');
        setImmediate(() => response.socket?.destroy());
      },
      (response) => {
        response.writeHead(200).end('a body of unknown length');
      },
    ];
    let nth = 0;
    const result = await send(
      (_request, response) => {
        answers[nth++ % answers.length]?.(response);
      },
      { connections: 1, rate: 16, seconds: 1 },
    );
    expect(result).toMatchObject({ offered: 16, sent: 16, accepted: 4, refused: 4 - 2 });
    expect(result.refusals).toEqual({ 'no problem type': 2 });
    expect(result.faults).toEqual({
      'status 503 without Retry-After (no problem type)': 2,
      'status 500 (no problem type)': 2,
      'connection closed before a complete response': 4,
      'status 200 without content-length': 2,
    });
  });

  it('names the problem type of a refusal', async () => {
    const body = '{"type":"urn:problem-type:farmlokal:overloaded"}';
    const { refused, refusals } = await send(
      (_request, response) => {
        response.writeHead(503, { 'retry-after': '1', 'content-length': body.length }).end(body);
      },
      { rate: 20 },
    );
    expect(refused).toBe(6);
    expect(refusals).toEqual({ overloaded: 6 });
  });

  it('reads a response that arrives in several parts', async () => {
    const { accepted, sent, faults } = await send(
      (_request, response) => {
        response.writeHead(200, { 'content-length': 8 });
        response.write('half');
        setImmediate(() => {
          response.end('half');
        });
      },
      { rate: 50 },
    );
    expect([sent, accepted, faults]).toEqual([15, 15, {}]);
  });

  it('counts requests that no connection is free for as offered, not as sent', async () => {
    const held: ServerResponse[] = [];
    const answering = sleep(500).then(() => {
      for (const response of held) reply(response, 200);
    });
    const result = await send((_request, response) => held.push(response), {
      connections: 2,
      rate: 100,
    });
    await answering;
    expect(result).toMatchObject({ offered: 30, sent: 2, accepted: 2, acceptedInTime: 0 });
  });

  it('counts the wait for a connection from when a request was due', async () => {
    const { sent, acceptedLatency, dueLatency } = await send(
      (_request, response) => {
        setTimeout(() => {
          reply(response, 200);
        }, 50);
      },
      { connections: 1, rate: 100 },
    );
    expect(sent).toBeLessThan(10);
    expect(dueLatency.max).toBeGreaterThan(2 * acceptedLatency.p50);
  });

  it('gives up a response that does not come in time, and goes on with another connection', async () => {
    let nth = 0;
    const { sent, accepted, faults } = await send(
      (_request, response) => {
        nth += 1;
        if (nth > 1) reply(response, 200);
      },
      { connections: 1, rate: 20, timeoutMs: 100, seconds: 1 },
    );
    expect(faults).toEqual({ 'no response within 0.1 s': 1 });
    expect(accepted).toBe(sent - 1);
    expect(sent).toBe(20);
  });

  it('counts a connection that is refused as a fault', async () => {
    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port } = closed.address() as AddressInfo;
    closed.close();
    const { sent, faults } = await send(() => undefined, { port, rate: 10 });
    expect([sent, faults]).toEqual([3, { ECONNREFUSED: 3 }]);
  });

  it('sends on a new connection when the server closes one after a response', async () => {
    const sockets = new Set<unknown>();
    const { accepted, faults } = await send(
      (request, response) => {
        sockets.add(request.socket);
        reply(response, 200, { connection: 'close' });
      },
      { rate: 20, connections: 1 },
    );
    expect([accepted, faults]).toEqual([6, {}]);
    expect(sockets.size).toBe(6);
  });
});
