import { describe, expect, it } from '@jest/globals';
import type { FastifyReply, FastifyRequest } from 'fastify';

import { reply } from './conditional-reply.js';
import { createCachedResponse } from './cached-response.js';

const cached = createCachedResponse(['{}'], '/api/products?limit=20&cursor=20');

function answer(condition?: string) {
  const headers = new Map<string, unknown>();
  const sent: unknown[] = [];
  let status = 200;
  const response = {
    header: (name: string, value: unknown) => headers.set(name, value),
    status: (code: number) => {
      status = code;
      return response;
    },
    type: (value: string) => {
      headers.set('Content-Type', value);
      return response;
    },
    send: (body?: unknown) => sent.push(body),
  };
  const request = { headers: { 'if-none-match': condition } } as unknown as FastifyRequest;
  void reply(
    { response: cached, cache: 'HIT', age: 3, layer: 'memory' },
    request,
    response as unknown as FastifyReply,
  );
  expect(sent).toHaveLength(1);
  return { body: sent[0], status, headers: Object.fromEntries(headers) };
}

describe(reply.name, () => {
  it('sends the body unchanged, with its headers', () => {
    const { body, status, headers } = answer();
    expect(body).toBe(cached.body);
    expect(status).toBe(200);
    expect(headers).toEqual({
      'Content-Type': 'application/json; charset=utf-8',
      etag: cached.etag,
      'cache-control': 'public, no-cache',
      'x-cache': 'HIT',
      age: 3,
      link: '</api/products?limit=20&cursor=20>; rel="next"',
    });
  });

  const compressed = ['-gzip', '--gzip', ';gzip', '-br', '--br', ';br', '-zstd', '-deflate'].map(
    (suffix) => cached.etag.replace(/"$/, `${suffix}"`),
  );

  it.each([
    cached.etag,
    `W/${cached.etag}`,
    `"other", ${cached.etag}`,
    '*',
    ...compressed,
    `W/${compressed[0]}`,
    `"other-gzip",${compressed[2]} , "another"`,
  ])('answers 304 to If-None-Match: %s', (condition) => {
    const { body, status, headers } = answer(condition);
    expect(status).toBe(304);
    expect(body).toBeUndefined();
    expect(headers).toMatchObject({ etag: cached.etag, 'cache-control': 'public, no-cache' });
  });

  it.each([
    '"other"',
    '"other-gzip"',
    cached.etag.slice(1, -1),
    cached.etag.slice(0, -1),
    `${cached.etag}-gzip`,
    cached.etag.replace(/"$/, '-other"'),
    cached.etag.replace(/"$/, 'gzip"'),
    cached.etag.replace(/"$/, '-gzip-br"'),
    cached.etag.replace(/^"./, '"-'),
    '',
  ])('sends the body to If-None-Match: %j', (condition) => {
    expect(answer(condition).status).toBe(200);
  });
});
