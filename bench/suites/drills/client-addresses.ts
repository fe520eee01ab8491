import { Redis } from 'ioredis';

import { sendIsolated } from '../../load/isolated-sender.js';
import { atMost, never, type Findings, thousands } from '../../report/report.js';
import { leastResidentMb } from '../../resident-memory.js';
import type { Bench } from '../../suite.js';
import { REDIS_MAX_MIB } from '../../testbed.js';

const ADDRESSES_PER_SECOND = 1_000_000 / 60;
const CONNECTIONS = 8;
const WARM_UP_REQUESTS = 20_000;
/** 11.0.0.0, beyond the addresses of loopback and of private networks. */
const FIRST_ADDRESS = 11 * 2 ** 24;

/** Memory of a replica and of Redis before and after very many client addresses sent one request each. */
export async function drillClientAddresses({ testbed, seconds, log }: Bench): Promise<Findings> {
  const addresses = Math.ceil(seconds * ADDRESSES_PER_SECOND);
  const measure = async (measureRedis: () => Promise<number>) => {
    const env = { TRUST_PROXY: '127.0.0.1/32', THROTTLE_LIMIT: '1000' };
    const replica = await testbed.startReplica(env);
    const load = { url: replica.url, connections: CONNECTIONS };
    await sendIsolated({ ...load, requests: requestsOf(WARM_UP_REQUESTS, 100) });
    const before = await leastResidentMb(replica);
    const { errors } = await sendIsolated({ ...load, requests: requestsOf(addresses, addresses) });
    // Redis first, because counts start to expire after a minute.
    const redisMiB = await measureRedis();
    const after = await leastResidentMb(replica);
    await testbed.stopReplicas();
    return { before, after, redisMiB, errors };
  };
  await testbed.redis.restart();
  log(`client-addresses: ${addresses}, counted in Redis`);
  const redis = new Redis(testbed.redis.url);
  const up = await measure(async () => {
    const [, used] = /^used_memory:(\d+)/m.exec(await redis.info('memory')) ?? [];
    return Math.round(Number(used) / 2 ** 20);
  });
  redis.disconnect();
  await testbed.redis.kill();
  log(`client-addresses: ${addresses}, with Redis down`);
  const down = await measure(() => Promise.resolve(0));
  await testbed.redis.restart();
  const growth = 'growth of the memory of a replica';
  return {
    goals: [
      never('rejected first requests of client addresses', up.errors + down.errors),
      atMost(64, ' MB', `${growth}, counting in Redis`, up.after - up.before),
      atMost(64, ' MB', `${growth}, with Redis down`, down.after - down.before),
      atMost(REDIS_MAX_MIB, ' MiB', 'memory of Redis', up.redisMiB),
    ],
    sections: [
      {
        title: `${thousands(addresses)} client addresses`,
        text: 'One replica behind a trusted proxy, each request from another address (`X-Forwarded-For`). Memory of the replica in MB, and of Redis in MiB.',
        head: 'Redis | replica before | replica after | Redis after',
        rows: [
          ['up', up.before, up.after, up.redisMiB],
          ['down', down.before, down.after, '–'],
        ],
      },
    ],
  };
}

function* requestsOf(count: number, addresses: number) {
  for (let nth = 0; nth < count; nth += 1) {
    const address = FIRST_ADDRESS + (nth % addresses);
    const octets = [24, 16, 8, 0].map((shift) => (address >>> shift) & 255);
    yield { path: '/api/products/1', headers: { 'x-forwarded-for': octets.join('.') } };
  }
}
