import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

import {
  type HttpResponse,
  httpFetch,
  type ProblemBody,
  type ProductPage,
} from '../support/http.js';
import { createDatabase, type Database } from '../support/database.js';
import { insertProducts } from '../support/products.js';
import { type Service, startReadyService } from '../support/service.js';

const TTL_MS = 200;
const STATEMENT_TIMEOUT_MS = 1000;
/** One connection would serve them one after the other. */
const REQUESTS = 10;

describe('A catalog that another transaction locks', () => {
  let database: Database;
  let holder: pg.Client;
  let service: Service | undefined;

  beforeAll(async () => {
    database = await createDatabase();
    await insertProducts(database, [{ name: 'Before' }, { name: 'Second' }]);
  });

  beforeEach(async () => {
    holder = new pg.Client(database.url);
    await holder.connect();
  });

  afterEach(async () => {
    await holder.end();
    await service?.stop();
  });

  afterAll(async () => {
    await database.drop();
  });

  async function start(databaseUrl: string): Promise<string> {
    service = await startReadyService({
      DATABASE_URL: databaseUrl,
      DATABASE_POOL_MAX: '1',
      DATABASE_STATEMENT_TIMEOUT_MS: String(STATEMENT_TIMEOUT_MS),
      CACHE_TTL_MS: String(TTL_MS),
    });
    return service.url;
  }

  async function hold(): Promise<void> {
    await holder.query('BEGIN; LOCK TABLE products IN ACCESS EXCLUSIVE MODE');
  }

  function outcome({ status, body }: HttpResponse<ProblemBody>): [number, string] {
    return [status, body.type.replace(/.*:/, '')];
  }

  it('is an outage, not an internal error, when the lock_timeout of the role expires', async () => {
    const url = await start(`${database.url}?options=-c%20lock_timeout%3D100`);
    await httpFetch(`${url}/api/products`);
    await hold();
    await sleep(2 * TTL_MS);
    const page = await httpFetch<ProductPage>(`${url}/api/products`);
    expect([page.status, page.headers.get('x-cache')]).toEqual([200, 'STALE']);
    for (const path of ['/api/products?limit=1', '/api/products/1']) {
      expect(outcome(await httpFetch(url + path))).toEqual([503, 'dependency-unavailable']);
    }
  });

  it('delays no request much longer than the statement timeout, however many wait for a connection', async () => {
    const url = await start(database.url);
    await hold();
    const began = performance.now();
    const responses = await Promise.all(
      Array.from({ length: REQUESTS }, (_, nth) =>
        httpFetch<ProblemBody>(`${url}/api/products?limit=${nth + 1}`),
      ),
    );
    expect(performance.now() - began).toBeLessThan((REQUESTS / 2) * STATEMENT_TIMEOUT_MS);
    expect(responses.map(outcome)).toEqual(responses.map(() => [503, 'dependency-unavailable']));
  });
});
