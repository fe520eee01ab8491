import { describe, expect, it } from '@jest/globals';

import { parseResponse } from './open-loop-response.js';

const PROBLEM = '{"type":"urn:problem-type:farmlokal:overloaded","title":"Too many requests"}';

function response(head: string, body = ''): Buffer {
  return Buffer.from(`${head.replaceAll('\n', '\r\n')}\r\n\r\n${body}`);
}

describe(parseResponse.name, () => {
  it('parses a response and its length', () => {
    const bytes = response('HTTP/1.1 200 OK\ncontent-type: text/plain\nContent-Length: 5', 'hello');
    expect(parseResponse(bytes)).toEqual({
      status: 200,
      hasRetryAfter: false,
      problem: undefined,
      closes: false,
      length: bytes.length,
    });
  });

  it.each([0, 10, 40, 46, 50])('waits for the rest of a response after %i bytes', (length) => {
    const bytes = response('HTTP/1.1 200 OK\ncontent-length: 12', 'twelve bytes');
    expect(bytes.length).toBe(51);
    expect(parseResponse(bytes.subarray(0, length))).toBeUndefined();
  });

  it('does not count what follows the response', () => {
    const one = response('HTTP/1.1 200 OK\ncontent-length: 2', 'ok');
    expect(parseResponse(Buffer.concat([one, one]))?.length).toBe(one.length);
  });

  it.each([204, 304])('expects no body after a %i, whatever its content-length', (status) => {
    const bytes = response(`HTTP/1.1 ${status} Whatever\ncontent-length: 4821`);
    expect(parseResponse(bytes)).toMatchObject({ status, length: bytes.length });
  });

  it('parses a refusal', () => {
    const head = `HTTP/1.1 503 Service Unavailable\nRetry-After: 1\ncontent-length: ${PROBLEM.length}`;
    expect(parseResponse(response(head, PROBLEM))).toMatchObject({
      status: 503,
      hasRetryAfter: true,
      problem: 'overloaded',
    });
  });

  it.each([
    'content-length: 0',
    'x-retry-after: 1\ncontent-length: 0',
    'retry-after:\ncontent-length: 0',
  ])('finds no Retry-After in "%s"', (headers) => {
    const bytes = response(`HTTP/1.1 503 Service Unavailable\n${headers}`);
    expect(parseResponse(bytes)).toMatchObject({ hasRetryAfter: false, problem: undefined });
  });

  it('recognizes a connection that the server closes', () => {
    const bytes = response('HTTP/1.1 400 Bad Request\nConnection: close\ncontent-length: 0');
    expect(parseResponse(bytes)?.closes).toBe(true);
  });

  it('rejects a response without a length', () => {
    const bytes = response('HTTP/1.1 200 OK\ntransfer-encoding: chunked', '0\r\n\r\n');
    expect(() => parseResponse(bytes)).toThrow('status 200 without content-length');
  });
});
