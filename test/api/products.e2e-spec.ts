import { beforeAll, describe, expect, it } from '@jest/globals';

import { httpFetch, type ProblemBody, type ProductPage } from '../support/http.js';
import { eventually } from '../support/eventually.js';
import { insertProducts } from '../support/products.js';
import { RawConnection } from '../support/raw-connection.js';
import {
  SHARED_METRICS_TOKEN,
  SHARED_ORIGIN,
  type SharedService,
  sharedService,
} from '../support/shared-service.js';

let service: SharedService;

beforeAll(async () => {
  service = await sharedService();
  const { database } = service;
  await insertProducts(database, [
    ...Array.from({ length: 60 }, (_, nth) => ({ name: `Pump ${nth}`, category: 'Electronics' })),
    { name: 'Gone' },
  ]);
  await database.query(
    `UPDATE products SET latitude = 18.5204, longitude = 73.8567, price = 49.5,
       created_at = '2026-03-14T05:32:18.123456Z', updated_at = '2026-03-14T11:02:18.1+05:30'
     WHERE id = 1`,
  );
  await database.query(`UPDATE products SET deleted_at = now() WHERE name = 'Gone'`);
  await database.query(`INSERT INTO products (sku, revision, deleted_at) VALUES ('T', 7, now())`);
});

describe('GET /api/products', () => {
  it('returns the page after the cursor, with the link to the next one', async () => {
    const url = `${service.url}/api/products?limit=20&cursor=20&category=Electronics`;
    const { status, headers, body } = await httpFetch<ProductPage>(url);
    expect(status).toBe(200);
    expect(body.data.map(({ id }) => id)).toEqual(
      Array.from({ length: 20 }, (_, nth) => String(21 + nth)),
    );
    expect(body.nextCursor).toBe('40');
    expect(headers.get('link')).toBe(
      '</api/products?limit=20&category=Electronics&cursor=40>; rel="next"',
    );
    expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(headers.get('cache-control')).toBe('public, no-cache');
    expect(headers.get('etag')).toMatch(/^"[\w-]{22}"$/);
    expect(headers.get('x-request-id')).toMatch(/^[\w-]{36}$/);
  });

  it('ends without an empty page', async () => {
    const page = await httpFetch<ProductPage>(`${service.url}/api/products?cursor=40`);
    expect(page.body.data).toHaveLength(20);
    expect(page.body.nextCursor).toBeNull();
    expect(page.headers.get('link')).toBeNull();
  });

  it('accepts a plain id as a cursor in both directions, whether or not its row exists', async () => {
    const list = async (query: string) => {
      const { body } = await httpFetch<ProductPage>(`${service.url}/api/products?limit=2&${query}`);
      return body.data.map(({ id }) => id);
    };
    expect(await list('cursor=0')).toEqual(['1', '2']);
    expect(await list('cursor=0&order=desc')).toEqual([]);
    expect(await list('cursor=9223372036854775807')).toEqual([]);
    expect(await list('cursor=9223372036854775807&order=desc')).toEqual(['60', '59']);
    expect(await list('cursor=61&order=desc')).toEqual(['60', '59']);
  });

  it('returns a product in the form of the contract', async () => {
    const { body } = await httpFetch<ProductPage>(`${service.url}/api/products?limit=1`);
    const [product] = body.data;
    expect(product).toEqual({
      id: '1',
      sku: expect.any(String),
      name: 'Pump 0',
      description: 'Fresh.',
      category: 'Electronics',
      price: '49.50',
      currency: 'INR',
      unit: 'kg',
      producer: 'Asha Farm',
      latitude: 18.5204,
      longitude: 73.8567,
      createdAt: '2026-03-14T05:32:18.123456Z',
      updatedAt: '2026-03-14T05:32:18.100000Z',
    });
    expect(await httpFetch(`${service.url}/api/products/1`)).toMatchObject({
      status: 200,
      body: product,
    });
  });

  it('returns null for an unknown place', async () => {
    const { body } = await httpFetch(`${service.url}/api/products/2`);
    expect(body).toMatchObject({ latitude: null, longitude: null });
  });

  it('answers HEAD with the headers of GET and no body', async () => {
    const url = `${service.url}/api/products`;
    const get = await httpFetch(url);
    const head = await httpFetch(url, { method: 'HEAD' });
    expect(head.status).toBe(200);
    expect(head.body).toBe('');
    for (const name of ['etag', 'link', 'content-type', 'content-length', 'cache-control']) {
      expect(head.headers.get(name)).toBe(get.headers.get(name));
    }
  });
});

describe('GET /api/products/:id', () => {
  it.each(['61', '62', '999', '0', '9223372036854775807'])(
    'answers 404 for the product %s',
    async (id) => {
      const { status, body } = await httpFetch<ProblemBody>(`${service.url}/api/products/${id}`);
      expect(status).toBe(404);
      expect(body).toMatchObject({
        type: 'urn:problem-type:farmlokal:not-found',
        instance: `/api/products/${id}`,
      });
    },
  );
});

describe('An invalid request', () => {
  const long = 'x'.repeat(10_000);

  it.each<[string, number, string, string | undefined]>([
    ['/api/products?limit=0', 400, 'validation-failed', 'limit'],
    ['/api/products?limit=1e3', 400, 'validation-failed', 'limit'],
    ['/api/products?limit=%EF%BC%90', 400, 'validation-failed', 'limit'],
    ['/api/products?limit=-0', 400, 'validation-failed', 'limit'],
    ['/api/products?limit=20&limit=20', 400, 'validation-failed', 'limit'],
    ['/api/products?category=%00', 400, 'validation-failed', 'category'],
    ['/api/products?category=', 400, 'validation-failed', 'category'],
    [`/api/products?category=${long}`, 400, 'validation-failed', 'category'],
    [`/api/products?cursor=${long}`, 400, 'validation-failed', 'cursor'],
    [`/api/products?${long}=1`, 400, 'validation-failed', `${'x'.repeat(49)}…`],
    ['/api/products?page=2', 400, 'validation-failed', 'page'],
    ['/api/products?__proto__=2', 400, 'validation-failed', '__proto__'],
    ['/api/products?minPrice=2&maxPrice=1', 400, 'validation-failed', 'minPrice'],
    ['/api/products?category=%ff', 400, 'malformed-request', undefined],
    ['/api/products?cursor=abc', 400, 'invalid-cursor', 'cursor'],
    ['/api/products?sort=name&cursor=20', 400, 'invalid-cursor', 'cursor'],
    ['/api/products/abc', 400, 'validation-failed', 'id'],
    ['/api/products/1e3', 400, 'validation-failed', 'id'],
    ['/api/products/-0', 400, 'validation-failed', 'id'],
    ['/api/products/%EF%BC%90', 400, 'validation-failed', 'id'],
    ['/api/products/%00', 400, 'validation-failed', 'id'],
    ['/api/products/9223372036854775808', 400, 'validation-failed', 'id'],
    ['/api/products/1?limit=1', 400, 'validation-failed', 'limit'],
    [`/api/products/${'1'.repeat(300)}`, 414, 'malformed-request', undefined],
    ['/api/products/%ff', 400, 'malformed-request', undefined],
    ['/%', 400, 'malformed-request', undefined],
    ['/api/producers', 404, 'not-found', undefined],
    ['/api/products/1/2', 404, 'not-found', undefined],
    [`/api/products?cursor=${'1'.repeat(17_000)}`, 431, 'malformed-request', undefined],
  ])('for %.60s gets a %i problem', async (path, status, slug, parameter) => {
    const { headers, body, ...response } = await httpFetch<ProblemBody>(`${service.url}${path}`);
    expect(response.status).toBe(status);
    expect(headers.get('content-type')).toContain('application/problem+json');
    expect(body).toMatchObject({ type: `urn:problem-type:farmlokal:${slug}`, status });
    expect(body.requestId).toBe(headers.get('x-request-id'));
    expect(body.errors?.map((fault) => fault.parameter)).toEqual(
      parameter === undefined ? undefined : [parameter],
    );
    expect(JSON.stringify(body)).not.toMatch(/\bat .*:\d+:\d+|SELECT|node_modules/);
  });

  it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND'])(
    'with the method %s gets a 405 with Allow',
    async (method) => {
      for (const path of ['/api/products', '/api/products/1', '/health/live', '/']) {
        const { status, headers, body } = await httpFetch<ProblemBody>(`${service.url}${path}`, {
          method,
          headers: { 'Content-Type': 'application/json' },
          ...(method === 'DELETE' || method === 'PROPFIND' ? {} : { body: '{not json' }),
        });
        expect(status).toBe(405);
        expect(headers.get('allow')).toBe('GET, HEAD');
        expect(body.type).toBe('urn:problem-type:farmlokal:method-not-allowed');
      }
    },
  );

  it.each([
    ['bytes that are not HTTP', 'GARBAGE\r\n\r\n'],
    ['no Host', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n'],
    ['two Hosts', 'GET / HTTP/1.1\r\nHost: a\r\nhOST: b\r\nConnection: close\r\n\r\n'],
  ])('with %s gets a problem', async (_, request) => {
    const connection = await RawConnection.open(service.url);
    connection.write(request);
    const [response, ...others] = await connection.remainingResponses();
    expect(others).toEqual([]);
    expect(response?.status).toBe(400);
    expect(response?.headers.get('content-type')).toContain('application/problem+json');
    expect(JSON.parse(response?.body ?? '')).toMatchObject({
      type: 'urn:problem-type:farmlokal:malformed-request',
    });
  });

  it.each([
    ['is not HTTP', 'GARBAGE\r\n\r\n'],
    ['has a broken body', `${post('/api/webhooks/catalog', 'application/json')}xyz\r\n`],
  ])('does not affect the earlier request of its packet when it %s', async (_, fault) => {
    const connection = await RawConnection.open(service.url);
    connection.write(`GET /api/products?limit=3 HTTP/1.1\r\nHost: x\r\n\r\n${fault}`);
    const responses = await connection.remainingResponses();
    expect(responses.map(({ status, headers }) => [status, headers.get('connection')])).toEqual([
      [200, 'close'],
    ]);
  });

  it('gets a problem when its body is broken', async () => {
    const connection = await RawConnection.open(service.url);
    connection.write(`${post('/api/webhooks/catalog', 'application/json')}xyz\r\n`);
    expect((await connection.remainingResponses()).map(({ status }) => status)).toEqual([400]);
  });

  it('gets one response, even if the rest of its body is malformed', async () => {
    const connection = await RawConnection.open(service.url);
    connection.write(`${post('/nowhere', 'text/plain')}3\r\nabc\r\n`);
    expect((await connection.nextResponse())?.status).toBe(404);
    connection.write('xyz\r\n');
    expect(await connection.remainingResponses()).toEqual([]);
  });

  /** The head of a request with a chunked body. */
  function post(path: string, type: string): string {
    const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\n`;
    return `${head}Transfer-Encoding: chunked\r\n\r\n`;
  }
});

describe('X-Request-Id', () => {
  it.each(['order-17', 'a.b:c_d'])('keeps the valid %s of the client', async (id) => {
    const { headers } = await httpFetch(`${service.url}/`, { headers: { 'X-Request-Id': id } });
    expect(headers.get('x-request-id')).toBe(id);
  });

  it.each(['x'.repeat(101), 'a b', '<script>', '"'])('replaces the invalid %.20s', async (id) => {
    const { headers } = await httpFetch(`${service.url}/`, { headers: { 'X-Request-Id': id } });
    expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('CORS', () => {
  it('allows the configured origin and no other', async () => {
    const originOf = async (origin: string) => {
      const { headers } = await httpFetch(`${service.url}/api/products`, {
        headers: { Origin: origin },
      });
      return headers.get('access-control-allow-origin');
    };
    expect(await originOf(SHARED_ORIGIN)).toBe(SHARED_ORIGIN);
    expect(await originOf('https://evil.example')).toBeNull();
  });

  it('answers a preflight for any path', async () => {
    for (const path of ['/api/products', '/nowhere']) {
      const { status, headers } = await httpFetch(`${service.url}${path}`, {
        method: 'OPTIONS',
        headers: { Origin: SHARED_ORIGIN, 'Access-Control-Request-Method': 'GET' },
      });
      expect(status).toBe(204);
      expect(headers.get('access-control-allow-origin')).toBe(SHARED_ORIGIN);
      expect(headers.get('access-control-allow-methods')).toBe('GET, HEAD');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      const requestId = headers.get('x-request-id') ?? 'none';
      await eventually(() => Promise.resolve(service.logs().includes(requestId) || undefined));
    }
  });

  it('treats any other OPTIONS as an unsupported method', async () => {
    const known = await httpFetch(`${service.url}/api/products`, { method: 'OPTIONS' });
    expect([known.status, known.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect((await httpFetch(`${service.url}/nowhere`, { method: 'OPTIONS' })).status).toBe(404);
  });
});

describe('GET /', () => {
  it('names the service and links to routes that exist', async () => {
    const { body } = await httpFetch<{
      name: string;
      version: string;
      links: Record<string, string>;
    }>(`${service.url}/`);
    expect(body).toMatchObject({
      name: 'farmlokal',
      version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
    });
    for (const link of Object.values(body.links)) {
      const { status } = await httpFetch(service.url + link, {
        headers: { authorization: `Bearer ${SHARED_METRICS_TOKEN}` },
      });
      expect(status).toBe(200);
    }
  });
});
