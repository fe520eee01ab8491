import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';

import type { RedisServer } from '../../dev/redis-server.js';
import { type HttpResponse, httpFetch } from '../support/http.js';
import { createDatabase, type Database } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { startRedis } from '../support/redis-server.js';
import { type Sandbox, startSandbox } from '../support/sandbox.js';
import { type Service, startService } from '../support/service.js';

interface Report {
  readonly status: string;
  readonly details: Record<string, { status: string; message?: string }>;
}

const PUBLIC_URL = 'https://farmlokal.example/base';

let redis: RedisServer;
let database: Database;
let sandbox: Sandbox;
let service: Service;

beforeAll(async () => {
  [database, redis, sandbox] = await Promise.all([createDatabase(), startRedis(), startSandbox()]);
  service = await start();
});

beforeEach(async () => {
  await sandbox.reset();
});

afterAll(async () => {
  await service.stop();
  await Promise.all([sandbox.stop(), redis.stop(), database.drop()]);
});

async function start(env: Record<string, string> = {}): Promise<Service> {
  return await startService({
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    ...sandbox.environment(),
    PUBLIC_URL,
    DATABASE_STATEMENT_TIMEOUT_MS: '1000',
    ...env,
  });
}

async function report({ url } = service): Promise<HttpResponse<Report>> {
  return await httpFetch<Report>(`${url}/health`);
}

/** Waits for a report that matches. */
async function reports(status: number, expected: object, of = service): Promise<void> {
  await eventually(async () => {
    const response = await report(of);
    try {
      expect(response).toMatchObject({ status, body: expected });
      return true;
    } catch {
      return undefined;
    }
  });
}

describe.each(['/', '/metrics', '/health', '/health/live', '/health/ready'])('GET %s', (path) => {
  it('rejects unknown query parameters', async () => {
    expect(await httpFetch(`${service.url}${path}?verbose=1`)).toMatchObject({
      status: 400,
      body: {
        type: 'urn:problem-type:farmlokal:validation-failed',
        errors: [{ parameter: 'verbose', message: 'is not a parameter of this resource' }],
      },
    });
  });
});

describe('GET /health', () => {
  it('reports every dependency as up', async () => {
    await reports(200, { status: 'ok' });
    const { headers, body } = await report();
    expect(headers.get('cache-control')).toBe('no-store');
    expect(Object.keys(body.details).sort()).toEqual([
      'catalogApi',
      'database',
      'inventory',
      'oauth',
      'redis',
    ]);
  });

  it('reports the provider as up once another replica has acquired a token', async () => {
    const { tokenUrl, clientId, clientSecret } = sandbox.partners;
    const granted = await httpFetch<{ access_token: string }>(tokenUrl, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${clientId}:${clientSecret}`)}` },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    });
    const client = new Redis(redis.url);
    await client.flushall();
    await sandbox.switch('oauth', { oauthError: 'invalid_client' });
    const other = await start();
    await reports(200, { details: { oauth: { status: 'degraded' } } }, other);
    const [key = ''] = await client.keys('farmlokal:oauth:hold-off:*');
    const { access_token: token } = granted.body;
    await client.set(key.replace('hold-off', 'token'), token, 'PX', 60_000);
    await reports(200, { details: { oauth: { status: 'up' } } }, other);
    await client.flushall();
    client.disconnect();
    await other.stop();
  });

  it('reports why a partner is degraded', async () => {
    await sandbox.switch('oauth', { oauthError: 'invalid_client' });
    const other = await start({ REDIS_URL: '' });
    await reports(
      200,
      {
        details: {
          oauth: { status: 'degraded', message: expect.stringContaining('invalid_client') },
        },
      },
      other,
    );
    await other.stop();
  });

  it('reports what is not configured, without being degraded', async () => {
    const bare = await startService({ DATABASE_URL: database.url });
    const notConfigured = { status: 'up', message: 'not configured' };
    await reports(
      200,
      {
        status: 'ok',
        details: {
          database: { status: 'up' },
          redis: notConfigured,
          oauth: notConfigured,
          inventory: notConfigured,
          catalogApi: notConfigured,
        },
      },
      bare,
    );
    const summary = await httpFetch(`${bare.url}/metrics`, {
      headers: { accept: 'application/json' },
    });
    expect(summary.body).toMatchObject({ status: 'ok', database: 'up', redis: 'not_configured' });
    await bare.stop();
  });

  it('is degraded while Redis is down', async () => {
    const other = await start({ REDIS_URL: 'redis://127.0.0.1:1' });
    await reports(200, { status: 'degraded', details: { redis: { status: 'degraded' } } }, other);
    const summary = await httpFetch(`${other.url}/metrics`, {
      headers: { accept: 'application/json' },
    });
    expect(summary.body).toMatchObject({ status: 'degraded', redis: 'degraded' });
    await other.stop();
  });
});
