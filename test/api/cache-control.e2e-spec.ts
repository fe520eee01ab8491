import { beforeAll, describe, expect, it } from '@jest/globals';

import { type HttpResponse, httpFetch } from '../support/http.js';
import { insertProducts } from '../support/products.js';
import { RawConnection } from '../support/raw-connection.js';
import {
  SHARED_METRICS_TOKEN,
  SHARED_ORIGIN,
  type SharedService,
  sharedService,
} from '../support/shared-service.js';
import { send, upserted } from '../support/signed-event.js';

const STATIC_FILE = '/docs/swagger-ui.css';

let service: SharedService;
let id: string;

beforeAll(async () => {
  service = await sharedService();
  [id = ''] = await insertProducts(service.database, [{}]);
});

async function get(path: string, init: RequestInit = {}): Promise<HttpResponse<unknown>> {
  return await httpFetch(`${service.url}${path}`, init);
}

function cacheControl({ status, headers }: HttpResponse<unknown>): [number, string | null] {
  return [status, headers.get('cache-control')];
}

const NO_STORE = 'no-store';
const PAGE = 'public, no-cache';

describe('Cache-Control', () => {
  it.each<[status: number, path: string, init?: RequestInit]>([
    [200, '/'],
    [200, '/docs'],
    [200, '/docs-json'],
    [200, '/health'],
    [200, '/health/live'],
    [200, '/health/ready'],
    [200, '/metrics', { headers: { authorization: `Bearer ${SHARED_METRICS_TOKEN}` } }],
    [401, '/metrics'],
    [400, '/api/products?limit=0'],
    [400, '/api/products?cursor=x'],
    [400, '/api/products/abc'],
    [400, '/api/products/%zz'],
    [400, '/%'],
    [404, '/api/products/999999'],
    [404, '/nowhere'],
    [404, '/docs/nowhere.css'],
    [404, '/nowhere', { method: 'HEAD' }],
    [405, '/api/products', { method: 'DELETE' }],
    [405, '/api/products', { method: 'OPTIONS' }],
    [412, STATIC_FILE, { headers: { 'if-match': '"x"' } }],
    [414, `/api/products/${'1'.repeat(150)}`],
    [416, STATIC_FILE, { headers: { range: 'bytes=999999999-' } }],
    [401, '/api/webhooks/catalog', { method: 'POST' }],
    [415, '/api/webhooks/catalog', { method: 'POST', body: 'text' }],
    [503, '/api/products/1/availability'],
    [
      204,
      '/api/products',
      {
        method: 'OPTIONS',
        headers: { origin: SHARED_ORIGIN, 'access-control-request-method': 'GET' },
      },
    ],
  ])('is no-store for the %i of %s', async (status, path, init = {}) => {
    expect(cacheControl(await get(path, init))).toEqual([status, NO_STORE]);
  });

  it('is no-store for the responses to webhooks', async () => {
    const event = upserted('NEW', 1);
    const webhookId = 'once';
    expect(cacheControl(await send(service.url, event, { id: webhookId }))).toEqual([
      200,
      NO_STORE,
    ]);
    expect(cacheControl(await send(service.url, event, { id: webhookId }))).toEqual([
      200,
      NO_STORE,
    ]);
    for (const [body, status] of [
      ['nonsense', 400],
      [upserted('NEW', -1), 422],
      ['x'.repeat(300_000), 413],
    ] as const) {
      expect(cacheControl(await send(service.url, body))).toEqual([status, NO_STORE]);
    }
  });

  it.each([
    ['bytes that are not HTTP', 'GARBAGE\r\n\r\n', 400],
    ['a head that is too large', `GET / HTTP/1.1\r\nX-A: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    ['no Host', 'GET /api/products HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
  ])('is no-store for the response to %s', async (_, bytes, status) => {
    const connection = await RawConnection.open(service.url);
    connection.write(bytes);
    const response = await connection.nextResponse();
    connection.close();
    expect([response?.status, response?.headers.get('cache-control')]).toEqual([status, NO_STORE]);
  });

  it('lets caches store a page that they revalidate for each request', async () => {
    for (const path of ['/api/products', '/api/products?limit=1', `/api/products/${id}`]) {
      const page = await get(path);
      expect(cacheControl(page)).toEqual([200, PAGE]);
      expect(cacheControl(await get(path, { method: 'HEAD' }))).toEqual([200, PAGE]);
      const etag = page.headers.get('etag') ?? '';
      for (const method of ['GET', 'HEAD']) {
        const init = { method, headers: { 'if-none-match': etag } };
        expect(cacheControl(await get(path, init))).toEqual([304, PAGE]);
      }
    }
  });

  it('lets caches store the files of /docs, which change only with a release', async () => {
    const file = await get(STATIC_FILE);
    expect(cacheControl(file)).toEqual([200, 'public, max-age=0']);
    // fetch would add Cache-Control: no-cache to a conditional request.
    const connection = await RawConnection.open(service.url);
    const etag = file.headers.get('etag') ?? '';
    connection.write(`GET ${STATIC_FILE} HTTP/1.1\r\nHost: x\r\nIf-None-Match: ${etag}\r\n\r\n`);
    const response = await connection.nextResponse();
    connection.close();
    expect([response?.status, response?.headers.get('cache-control')]).toEqual([
      304,
      'public, max-age=0',
    ]);
  });
});
