import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

import type { RedisServer } from '../../dev/redis-server.js';
import { AuthorizationServer } from '../../dev/sandbox/authorization-server.js';
import { httpFetch } from '../support/http.js';
import { createDatabase, type Database } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { startRedis } from '../support/redis-server.js';
import { type Sandbox, startSandbox } from '../support/sandbox.js';
import { type Service, startService } from '../support/service.js';
import type { Called, Outcome } from '../support/token-calls.js';

const REPLICAS = 4;
/** Lifetime of the lock: how long a dead owner can delay the others. */
const LOCK_TTL_MS = 4000;
/** The longest call: waiting for the token of another replica, and then requesting one. */
const DEADLINE_MS = LOCK_TTL_MS + 1000 + 3000;

let database: Database;
let redis: RedisServer;
let client: Redis;
let sandbox: Sandbox;
let replicas: Service[];
/** All tokens that were granted. */
const seen = new Set<string>();

beforeAll(async () => {
  [database, redis, sandbox] = await Promise.all([createDatabase(), startRedis(), startSandbox()]);
  client = new Redis(redis.url);
  replicas = await Promise.all(Array.from({ length: REPLICAS }, () => startReplica()));
});

afterAll(async () => {
  client.disconnect();
  await Promise.all(replicas.map((replica) => replica.kill('SIGKILL')));
  await Promise.all([sandbox.stop(), redis.stop()]);
  await database.drop();
});

beforeEach(async () => {
  await Promise.all(replicas.map((_, nth) => restart(nth)));
  await sandbox.reset();
  // A token request of the last test that still hangs would change Redis later.
  await eventually(async () =>
    (await sandbox.state()).oauth.counts.inFlight === 0 ? true : undefined,
  );
  await sleep(50);
  await client.flushall();
});

async function startProvider(answer: RequestListener) {
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    answer(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: () => requests,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** A provider that grants the same token until it expires. */
async function startRepeatingProvider(lifeSeconds = 600) {
  const begin = performance.now();
  return await startProvider((_, response) => {
    const elapsed = (performance.now() - begin) / 1000;
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({
        access_token: `repeated-${Math.floor(elapsed / lifeSeconds)}`,
        token_type: 'Bearer',
        expires_in: lifeSeconds - (elapsed % lifeSeconds),
      }),
    );
  });
}

/** A provider that fails with a unique explanation, which repeats the request. */
async function startEchoingProvider() {
  return await startProvider((request, response) => {
    void text(request).then((body) => {
      const { authorization = '' } = request.headers;
      response.writeHead(503, { 'content-type': 'application/json' });
      response.end(
        JSON.stringify({
          error: 'temporarily_unavailable',
          error_description: `Trace ${randomUUID()}\n${body} ${decodeURIComponent(body)} ${authorization.slice('Basic '.length)}`,
        }),
      );
    });
  });
}

async function startReplica(env: Record<string, string> = {}): Promise<Service> {
  return await startService(
    {
      DATABASE_URL: database.url,
      REDIS_URL: redis.url,
      ...sandbox.environment(),
      LOG_LEVEL: 'trace',
      ...env,
    },
    ['test/support/token-replica.js'],
  );
}

async function control<Body>({ url }: Service, action: string): Promise<Body> {
  return (await httpFetch<Body>(`${url}/${action}`, { method: 'POST' })).body;
}

/** Gives a replica a token provider without a token, as after a start with this environment. */
async function restart(nth: number, env: Record<string, string> = {}): Promise<Service> {
  const restarted = replica(nth);
  await control(restarted, `restart?${new URLSearchParams(env).toString()}`);
  return restarted;
}

function callAll(count: number, forMs = 0): Promise<Called[]> {
  const at = Date.now() + 100;
  return Promise.all(
    replicas.map((replica) =>
      control<Called>(replica, `call?at=${at}&count=${count}&forMs=${forMs}`),
    ),
  );
}

function replica(nth: number): Service {
  const found = replicas[nth];
  if (found === undefined) throw new Error(`There is no replica ${nth}`);
  return found;
}

async function callOne(nth: number): Promise<Outcome> {
  return (await control<Called>(replica(nth), 'call')).cold;
}

async function requests(): Promise<number> {
  return (await sandbox.state()).oauth.counts.requests;
}

function tokensOf(outcomes: readonly Outcome[]): string[] {
  const tokens = [...new Set(outcomes.flatMap((outcome) => outcome.tokens))];
  for (const token of tokens) seen.add(token);
  return tokens;
}

describe('One token for all replicas', () => {
  // Long enough to recognise a caller that waits for a token request.
  const LATENCY_MS = 400;

  it.each([[1], [2], [3], [4], [5]])(
    'is requested once at the start and renewed in the background before it expires (%d)',
    async () => {
      await sandbox.switch('oauth', { expiresIn: 2, latencyMs: LATENCY_MS });
      // A token is used for 1.8 s from its request; the next one until at least 3 s.
      const called = await callAll(250, 1700);
      const outcomes = called.flatMap(({ cold, later }) => [cold, later]);

      expect(outcomes.flatMap(({ faults }) => faults)).toEqual([]);
      expect(called.map(({ cold }) => cold.calls)).toEqual(Array(REPLICAS).fill(250));
      expect(tokensOf(called.map(({ cold }) => cold))).toHaveLength(1);
      expect(tokensOf(outcomes)).toHaveLength(2);
      expect(await requests()).toBe(2);
      for (const { later } of called) {
        expect(later.calls).toBeGreaterThan(50);
        expect(later.slowestMs).toBeLessThan(LATENCY_MS / 2);
      }
    },
  );
});

describe('The owner of the lock', () => {
  it('delays the others no longer than the lifetime of the lock when it is killed', async () => {
    await sandbox.switch('oauth', { hang: true });
    const owner = await startReplica();
    void control(owner, 'call').catch(() => undefined);
    await eventually(async () => ((await requests()) === 1 ? true : undefined));
    const [lock] = await client.keys('farmlokal:oauth:fetching:*');
    expect(await client.pttl(lock ?? '')).toBeLessThanOrEqual(LOCK_TTL_MS);
    const waiting = callOne(0);
    await sleep(200);
    expect(await requests()).toBe(1);
    await owner.kill('SIGKILL');
    await sandbox.switch('oauth', { hang: false });

    const { tokens, faults, slowestMs } = await waiting;
    expect({ tokens: tokens.length, faults }).toEqual({ tokens: 1, faults: [] });
    expect(slowestMs).toBeGreaterThan(1000);
    expect(await requests()).toBe(2);
  });

  it('shares its token with the others when the provider is slow', async () => {
    await sandbox.switch('oauth', { latencyMs: 2000 });
    const called = await callAll(10);
    expect(called.flatMap(({ cold }) => cold.faults)).toEqual([]);
    expect(tokensOf(called.map(({ cold }) => cold))).toHaveLength(1);
    expect(await requests()).toBe(1);
  });
});

describe('A token that a partner rejects', () => {
  it('is dropped by all replicas and replaced once', async () => {
    const [first] = tokensOf((await callAll(1)).map(({ cold }) => cold));
    await Promise.all(
      replicas.map((replica) => control(replica, `invalidate?token=${first ?? ''}`)),
    );
    const called = await callAll(50);
    const tokens = tokensOf(called.map(({ cold }) => cold));
    expect(tokens).toHaveLength(1);
    expect(tokens).not.toContain(first);
    expect(await requests()).toBe(2);
  });

  it('does not invalidate a newer token', async () => {
    const { tokens } = await callOne(0);
    await Promise.all(replicas.map((replica) => control(replica, 'invalidate?token=an-older-one')));
    expect(tokensOf((await callAll(10)).map(({ cold }) => cold))).toEqual(tokens);
    expect(await requests()).toBe(1);
  });

  it('is not used again when Redis returns it', async () => {
    const [token = ''] = (await callOne(0)).tokens;
    const [key = ''] = await client.keys('farmlokal:oauth:token:*');
    await control(replica(0), `invalidate?token=${token}`);
    await client.set(key, token, 'PX', 60_000);
    expect((await callOne(0)).tokens).not.toContain(token);
  });

  it('is used again when the provider grants it again', async () => {
    const provider = await startRepeatingProvider();
    const own = await restart(0, { OAUTH_TOKEN_URL: provider.url });
    const [token = ''] = (await control<Called>(own, 'call')).cold.tokens;
    for (const requested of [2, 3]) {
      await control(own, `invalidate?token=${token}`);
      expect((await control<Called>(own, 'call')).cold.tokens).toEqual([token]);
      expect(provider.requests()).toBe(requested);
    }
    provider.stop();
  });
});

describe('A provider that gives the same token until it expires', () => {
  it('gets at most two requests from each replica in the lifetime of a token', async () => {
    const provider = await startRepeatingProvider(4);
    const own = await Promise.all(
      [0, 1].map((nth) => restart(nth, { OAUTH_TOKEN_URL: provider.url })),
    );
    const called = await Promise.all(own.map((one) => control<Called>(one, 'call?forMs=5000')));
    expect(called.flatMap(({ later }) => later.faults)).toEqual([]);
    const tokens = tokensOf(called.map(({ later }) => later));
    expect(tokens.length).toBeGreaterThanOrEqual(2);
    expect(provider.requests()).toBeLessThanOrEqual(2 * own.length * tokens.length);
    provider.stop();
  });
});

describe('The lifetime of a token', () => {
  async function lifeInRedis(): Promise<number> {
    const [key = ''] = await client.keys('farmlokal:oauth:token:*');
    return await client.pttl(key);
  }

  it.each([
    ['is shortened by a tenth', { expiresIn: 100 }, 90_000],
    ['is shortened by at most a minute', { expiresIn: 7200 }, 7_140_000],
    ['is five minutes without expires_in', { expiresInAnswer: 'absent' }, 270_000],
    ['may be a string', { expiresInAnswer: '200' }, 180_000],
    ['is at most a day', { expiresInAnswer: 1e15 }, 86_340_000],
    ['is five minutes when expires_in is null', { expiresInAnswer: null }, 270_000],
    ['is five minutes when expires_in is empty', { expiresInAnswer: '' }, 270_000],
    ['is five minutes when expires_in is 0', { expiresInAnswer: 0 }, 270_000],
    ['is five minutes when expires_in is negative', { expiresInAnswer: -1 }, 270_000],
    ['is five minutes when expires_in is not a number', { expiresInAnswer: 'soon' }, 270_000],
  ])('%s', async (_, switches, life) => {
    await sandbox.switch('oauth', switches);
    expect((await callOne(0)).tokens).toHaveLength(1);
    const kept = await lifeInRedis();
    expect(kept).toBeLessThanOrEqual(life);
    expect(kept).toBeGreaterThan(life - 5000);
  });
});

describe('A provider that fails', () => {
  it.each([
    ['with 503', { errorRate: 1 }],
    ['with garbage', { garbage: true }],
    ['by cutting the connection', { reset: true }],
    ['by being down', { down: true }],
  ])('%s gets fewer and fewer requests from all replicas together', async (_, switches) => {
    await sandbox.switch('oauth', switches);
    const until = Date.now() + 2500;
    while (Date.now() < until) {
      const called = await callAll(10);
      expect(called.flatMap(({ cold }) => cold.tokens)).toEqual([]);
    }
    // At 0, 1 and 3 seconds.
    expect(await requests()).toBeLessThanOrEqual(3);
    await sandbox.reset();
    await eventually(async () => ((await callOne(1)).tokens.length === 1 ? true : undefined));
    expect(await requests()).toBe(1);
  });

  it('gets no request before its Retry-After', async () => {
    await sandbox.switch('oauth', { errorRate: 1, retryAfter: 42 });
    expect((await callOne(0)).faults).toEqual(['dependency-unavailable 42']);
    expect((await callOne(1)).faults).toEqual([expect.stringMatching(/ (41|42)$/)]);
    expect(await requests()).toBe(1);
  });

  it('does not affect replicas with a token', async () => {
    await sandbox.switch('oauth', { expiresIn: 4 });
    const [token] = tokensOf((await callAll(1)).map(({ cold }) => cold));
    await sandbox.switch('oauth', { hang: true });
    const called = await callAll(1, 3000);
    expect(called.flatMap(({ later }) => later.faults)).toEqual([]);
    expect(tokensOf(called.map(({ later }) => later))).toEqual([token]);
    for (const { later } of called) expect(later.slowestMs).toBeLessThan(1500);
  });
});

describe('A provider that rejects the client', () => {
  it.each(['invalid_client', 'unauthorized_client', 'invalid_scope'])(
    'with %s gets no further request at once, and the error is logged once',
    async (oauthError) => {
      const own = replica(0);
      const { length: before } = own.logs();
      await sandbox.switch('oauth', { oauthError });
      for (let nth = 0; nth < 20; nth += 1) {
        const { cold } = await control<Called>(own, 'call');
        expect(cold.faults).toEqual([expect.stringMatching(/^dependency-unavailable 1[45]$/)]);
      }
      expect(await requests()).toBe(1);
      const lines = own
        .logs()
        .slice(before)
        .split('\n')
        .filter((line) => line.includes(oauthError));
      expect(lines).toHaveLength(1);
      expect(lines[0]).toContain('rejects this client');
      expect(lines[0]).toContain('The switch oauthError is set');
    },
  );
});

describe('The token request', () => {
  it.each(['basic', 'basic-raw', 'post'])(
    'authenticates the client at the provider with %s',
    async (OAUTH_CLIENT_AUTH) => {
      const own = await restart(0, { OAUTH_CLIENT_AUTH });
      const { tokens, faults } = (await control<Called>(own, 'call')).cold;
      expect({ tokens: tokens.length, faults }).toEqual({ tokens: 1, faults: [] });
    },
  );

  it.each(['basic', 'post'])('encodes any id and secret with %s', async (OAUTH_CLIENT_AUTH) => {
    const credentials = { id: 'farm-lokal_01.prod:x', secret: "a+b c%41&d=e*~!'()/", scope: 'a' };
    const { server, tokenUrl } = await AuthorizationServer.start(credentials);
    const own = await restart(0, {
      OAUTH_TOKEN_URL: tokenUrl,
      OAUTH_CLIENT_ID: credentials.id,
      OAUTH_CLIENT_SECRET: credentials.secret,
      OAUTH_SCOPE: credentials.scope,
      OAUTH_CLIENT_AUTH,
    });
    const { tokens, faults } = (await control<Called>(own, 'call')).cold;
    expect({ tokens: tokens.length, faults }).toEqual({ tokens: 1, faults: [] });
    await server.change({ down: true });
  });

  it('shares a token only with replicas of the same parameters and authentication', async () => {
    const environments: Record<string, string>[] = [
      {},
      { OAUTH_CLIENT_AUTH: 'post' },
      { OAUTH_TOKEN_PARAMETERS: 'audience=orders' },
      { OAUTH_TOKEN_PARAMETERS: 'audience=stock' },
      { OAUTH_TOKEN_PARAMETERS: 'audience=stock' },
    ];
    const own = await Promise.all(
      environments.map((environment, nth) =>
        nth < REPLICAS ? restart(nth, environment) : startReplica(environment),
      ),
    );
    const called = await Promise.all(own.map((one) => control<Called>(one, 'call')));
    expect(called.flatMap(({ cold }) => cold.faults)).toEqual([]);
    expect(tokensOf(called.map(({ cold }) => cold))).toHaveLength(4);
    expect(await requests()).toBe(4);
  });
});

describe('While Redis is', () => {
  afterEach(async () => {
    await redis.resume();
    await redis.restart();
    await eventually(async () => client.ping().catch(() => undefined));
  });

  async function answered(): Promise<void> {
    const called = await callAll(50);
    expect(called.flatMap(({ cold }) => cold.faults)).toEqual([]);
    for (const { cold } of called) expect(cold.slowestMs).toBeLessThan(DEADLINE_MS);
  }

  it.each<[string, () => Promise<unknown>]>([
    ['killed', () => redis.kill()],
    ['frozen', () => redis.pause()],
    ['paused for its clients', () => client.call('CLIENT', 'PAUSE', '5000', 'ALL')],
  ])('%s, a replica keeps its token, and one without a token requests its own', async (_, fail) => {
    await callOne(0);
    await fail();
    await answered();
    await answered();
    // The replica that had a token sends no request, and each of the others one.
    expect(await requests()).toBe(REPLICAS);
  });

  it('emptied and restarted, all replicas get the same token again', async () => {
    await sandbox.switch('oauth', { expiresIn: 3 });
    await callAll(1);
    await redis.kill();
    await redis.restart();
    await answered();
    await eventually(async () => {
      const tokens = tokensOf((await callAll(1)).map(({ cold }) => cold));
      return tokens.length === 1 ? true : undefined;
    });
  });

  it('holding garbage, the service requests a token', async () => {
    await callOne(0);
    const [key = ''] = await client.keys('farmlokal:oauth:token:*');
    await client.del(key);
    await client.lpush(key, 'garbage');
    expect((await callOne(1)).tokens).toHaveLength(1);
    await client.del(key);
    await client.set(key, 'no\ntoken', 'PX', 60_000);
    expect((await callOne(2)).tokens).toEqual([expect.not.stringContaining('\n')]);
    expect((await callOne(1)).faults).toEqual([]);
  });
});

describe('No log', () => {
  it('repeats the secrets in an error response, whose varying explanation is logged once', async () => {
    const provider = await startEchoingProvider();
    const own = await startReplica({
      OAUTH_TOKEN_URL: provider.url,
      OAUTH_CLIENT_SECRET: 'open+sesame/7',
      OAUTH_TOKEN_PARAMETERS: 'audience=https%3A%2F%2Forders.example&api_key=k%C3%A4sebrot',
    });
    await eventually(async () => {
      await control(own, 'call');
      return provider.requests() > 1 ? true : undefined;
    });
    const logs = own.logs();
    const explanation =
      "the error temporarily_unavailable and status 503. The provider's description: ";
    expect(logs.split(explanation)).toHaveLength(2);
    expect(logs).toContain('audience=[redacted]&api_key=[redacted]');
    for (const secret of [
      'open+sesame/7',
      'open%2Bsesame%2F7',
      'orders.example',
      'käsebrot',
      'k%C3%A4sebrot',
      Buffer.from('farmlokal:open%2Bsesame%2F7').toString('base64'),
    ]) {
      expect(logs).not.toContain(secret);
    }
    await own.kill('SIGKILL');
    provider.stop();
  });

  it('contains the secret or a token at any level', () => {
    const { clientId, clientSecret } = sandbox.partners;
    expect(seen.size).toBeGreaterThan(15);
    const logs = replicas.map((one) => one.logs()).join('');
    expect(logs.includes('OAuth provider')).toBe(true);
    const secrets = [
      clientSecret,
      encodeURIComponent(clientSecret),
      Buffer.from(`${clientId}:${clientSecret}`).toString('base64'),
      ...seen,
    ];
    expect(secrets.filter((secret) => logs.includes(secret))).toEqual([]);
  });
});
