import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { readFileSync } from 'node:fs';

import type { RedisServer } from '../../dev/redis-server.js';
import { httpFetch } from '../support/http.js';
import { BackingServices } from '../support/backing-services.js';
import { eventually } from '../support/eventually.js';
import { Load } from '../support/load.js';
import { WELL } from '../support/outage.js';
import { startRedis } from '../support/redis-server.js';
import { deviations } from '../support/replies.js';
import type { Service } from '../support/service.js';
import { ROUTES, Traffic } from '../support/traffic.js';

interface Report {
  readonly status: string;
  readonly details: Readonly<Record<string, { readonly status: string }>>;
}

const PASSWORD = 'correct-horse-battery-staple';

let backing: BackingServices;

beforeAll(async () => {
  backing = await BackingServices.start();
});

afterAll(async () => {
  await backing.stop();
});

/** The URL of a server for another user. */
function urlFor(server: RedisServer, username: string): string {
  const url = new URL(server.url);
  url.username = username;
  url.password = PASSWORD;
  return url.href;
}

async function metric(service: Service, name: RegExp): Promise<string | undefined> {
  const { body } = await httpFetch<string>(`${service.url}/metrics`);
  return body.split('\n').find((line) => name.test(line));
}

describe('The ACL of deploy/README.md', () => {
  const [, rules = ''] =
    /^ *ACL SETUSER farmlokal (.*)$/m.exec(readFileSync('deploy/README.md', 'utf8')) ?? [];
  let admin: Redis;
  let service: Service;
  let used: Set<string>;

  beforeAll(async () => {
    admin = new Redis(backing.redis.url);
    const words = rules.replace('PASSWORD', PASSWORD).split(' ');
    await admin.call('ACL', 'SETUSER', 'farmlokal', ...words);
    await admin.config('RESETSTAT');
    service = await backing.startReplica({ REDIS_URL: urlFor(backing.redis, 'farmlokal') });
    const traffic = await Traffic.prepare(service.url, backing.database);
    const load = new Load(service.url, () => traffic.next());
    await eventually(() => Promise.resolve(load.replies.length > 2 * ROUTES.length || undefined));
    // The service then deletes the token from Redis.
    await backing.sandbox.revoke();
    await eventually(() => Promise.resolve(load.replies.length > 6 * ROUTES.length || undefined));
    await load.stop();
    expect(deviations(load.replies, WELL)).toEqual([]);
    used = commandsOf(await admin.info('commandstats'));
  });

  afterAll(() => {
    admin.disconnect();
  });

  it('permits everything that the service does', async () => {
    expect(await metric(service, /^farmlokal_redis_up /)).toBe('farmlokal_redis_up 1');
    expect(await metric(service, /^farmlokal_redis_failures_total{reason="refused"}/)).toBe(
      undefined,
    );
    // A busy machine can miss the timeout of a single check.
    await eventually(async () => {
      const { body } = await httpFetch<Report>(`${service.url}/health`);
      return (body.status === 'ok' && body.details.redis?.status === 'up') || undefined;
    });
  });

  it('is tested with every kind of key', async () => {
    const kinds = (await admin.keys('*')).map((key) => key.split(':').slice(0, 2).join(':'));
    expect([...new Set(kinds)].sort()).toEqual(
      expect.arrayContaining([
        'farmlokal:catalogue-version',
        'farmlokal:oauth',
        'farmlokal:page',
        'farmlokal:requests',
        'farmlokal:stock',
        'farmlokal:webhook',
      ]),
    );
  });

  it('permits no command that the service does not use', () => {
    const named = rules.split(' ').filter((rule) => rule.startsWith('+'));
    expect([...used].map((command) => `+${command}`).sort()).toEqual(named.sort());
  });
});

describe('A service with a Redis that rejects it', () => {
  it.each<[string, string[], (admin: Redis) => Promise<unknown>, string, RegExp]>([
    [
      'because of a password that the server does not require',
      [],
      (admin) => admin.config('SET', 'requirepass', ''),
      '',
      /but the default user of this server has none/,
    ],
    [
      'because of a database that does not exist',
      ['databases 1'],
      (admin) => admin.config('SET', 'requirepass', PASSWORD),
      '/1',
      /the database in REDIS_URL does not exist on this server/,
    ],
    [
      'because the user lacks EVAL and INFO',
      [],
      (admin) =>
        admin.call('ACL', 'SETUSER', 'default', `>${PASSWORD}`, '-eval', '-info', '-@dangerous'),
      '',
      /lacks a permission \(EVAL: NOPERM/,
    ],
    [
      'because the user lacks SELECT',
      [],
      (admin) => admin.call('ACL', 'SETUSER', 'default', `>${PASSWORD}`, '-select'),
      '/1',
      /lacks a permission \(SELECT: NOPERM/,
    ],
  ])('is degraded and logs the reason once (%s)', async (_, settings, prepare, path, reason) => {
    const server = await startRedis(settings);
    const admin = new Redis(server.url);
    await prepare(admin);
    const url = new URL(path, urlFor(server, ''));
    const service = await backing.startReplica({ REDIS_URL: url.href });
    const { status, body } = await httpFetch<Report>(`${service.url}/health`);
    expect([status, body.status, body.details.redis?.status]).toEqual([
      200,
      'degraded',
      'degraded',
    ]);
    for (let nth = 0; nth < 10; nth += 1) {
      expect((await httpFetch(`${service.url}/api/products?maxPrice=${nth}`)).status).toBe(200);
    }
    expect(await metric(service, /^farmlokal_redis_up /)).toBe('farmlokal_redis_up 0');
    const failures = await metric(service, /^farmlokal_redis_failures_total{reason="refused"}/);
    expect(Number(failures?.split(' ')[1])).toBeGreaterThan(0);
    await service.stop();
    const lines = service.logs().trim().split('\n');
    for (const line of lines) expect(JSON.parse(line)).toHaveProperty('level');
    const warnings = lines.filter((line) => line.includes('Going on without Redis'));
    expect(warnings).toEqual([expect.stringMatching(reason)]);
    expect(service.logs()).not.toContain(PASSWORD);
    admin.disconnect();
    await server.stop();
  });
});

/** The commands that ran, without those of the handshake and of the administrator. */
function commandsOf(stats: string): Set<string> {
  const ran = stats.matchAll(/^cmdstat_([^:]+):calls=[1-9]/gm);
  const names = Array.from(ran, ([, name = '']) => name);
  return new Set(names.filter((name) => !/^(auth|info|config\|resetstat)$/.test(name)));
}
