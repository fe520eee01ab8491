import { Redis } from 'ioredis';

import { residentMiB } from './memory.js';
import { sendPipelined } from './pipelining.js';
import type { Replica, Testbed } from './testbed.js';

/** What was occupied before the first address came, after half of them, and after all; MiB. */
export interface Occupied {
  readonly replica: readonly number[];
  /** What Redis holds; empty where it is gone. */
  readonly redis: readonly number[];
  /** How often each status was answered. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Requests a second. */
  readonly perSecond: number;
}

export interface Addresses {
  readonly count: number;
  /** What Redis may hold at most, MiB. */
  readonly redisLimit: number;
  /** With the counts in Redis. */
  readonly withRedis: Occupied;
  /** With the counts in the replica. */
  readonly withoutRedis: Occupied;
}

const ADDRESSES_PER_SECOND = 1_000_000 / 60;
const WARM_UP = 20_000;
/** Few enough that what is kept of them does not count, and enough that none meets its limit. */
const WARM_UP_ADDRESSES = 100;
const LIMIT = 300;
const PATH = '/api/products/1';
/** 11.0.0.0, beyond the addresses of loopback and of private networks that may come first. */
const FIRST = 11 * 2 ** 24;

/** What a replica and Redis keep of a great many clients who each come once, as a proxy tells them apart. */
export async function measureAddresses(
  testbed: Testbed,
  seconds: number,
  say: (line: string) => void,
): Promise<Addresses> {
  const count = Math.round(seconds * ADDRESSES_PER_SECOND);
  await testbed.redis.restart();
  const redis = new Redis(testbed.redis.url);
  const redisLimit = inMiB(await memoryOf(redis, 'maxmemory'));
  say(`addresses: ${count} of them, counted in Redis`);
  const withRedis = await occupy(testbed, count, async () => [
    inMiB(await memoryOf(redis, 'used_memory')),
  ]);
  redis.disconnect();
  await testbed.redis.kill();
  say(`addresses: ${count} of them, with Redis gone`);
  const withoutRedis = await occupy(testbed, count, () => Promise.resolve([]));
  await testbed.redis.restart();
  return { count, redisLimit, withRedis, withoutRedis };
}

async function occupy(
  testbed: Testbed,
  count: number,
  ofRedis: () => Promise<number[]>,
): Promise<Occupied> {
  const replica = await testbed.startReplica({
    TRUST_PROXY: '127.0.0.1/32',
    THROTTLE_LIMIT: String(LIMIT),
  });
  await send(replica, WARM_UP, (nth) => nth % WARM_UP_ADDRESSES);
  const half = Math.floor(count / 2);
  const looks = [await look(replica, ofRedis)];
  const began = performance.now();
  const first = await send(replica, half, (nth) => WARM_UP_ADDRESSES + nth);
  const halfWay = performance.now();
  looks.push(await look(replica, ofRedis));
  const goingOn = performance.now();
  const second = await send(replica, count - half, (nth) => WARM_UP_ADDRESSES + half + nth);
  const elapsed = performance.now() - goingOn + halfWay - began;
  looks.push(await look(replica, ofRedis));
  await replica.stop();
  return {
    replica: looks.map(({ resident }) => resident),
    redis: looks.flatMap(({ used }) => used),
    statuses: sum(first, second),
    perSecond: Math.round((count * 1000) / elapsed),
  };
}

async function look({ pid }: Replica, ofRedis: () => Promise<number[]>) {
  // Before counts of the last minute begin to end.
  const used = await ofRedis();
  return { used, resident: await residentMiB(pid) };
}

async function send(
  { url }: Replica,
  count: number,
  place: (nth: number) => number,
): Promise<Record<string, number>> {
  const request = (nth: number) => ({
    path: PATH,
    fields: `X-Forwarded-For: ${dotted(FIRST + place(nth))}\r\n`,
  });
  return await sendPipelined({ url, count, request });
}

/** An IPv4 address as it is written. */
function dotted(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
}

async function memoryOf(redis: Redis, field: string): Promise<number> {
  const info = await redis.info('memory');
  return Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(info)?.[1]);
}

function inMiB(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}

function sum(
  one: Readonly<Record<string, number>>,
  other: Readonly<Record<string, number>>,
): Record<string, number> {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return Object.fromEntries(
    [...names].map((name) => [name, (one[name] ?? 0) + (other[name] ?? 0)]),
  );
}
