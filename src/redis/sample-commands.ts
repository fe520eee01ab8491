import type { Redis } from 'ioredis';

const KEY = 'farmlokal:probe';
const KEPT_MS = 1000;

/** The commands of all scripts. */
const SCRIPT = `
redis.call('incrby', KEYS[1], 1)
redis.call('pexpire', KEYS[1], ARGV[1])
redis.call('pttl', KEYS[1])
redis.call('get', KEYS[1])
return redis.call('del', KEYS[1])`;

/**
 * Sends every command that the service uses, so that none is refused later: servers and users can lack single commands.
 *
 * @param key is read as well: a node of a cluster serves some keys only.
 * @throws the first error that Redis replies.
 */
export async function sendSample(redis: Redis, key = KEY): Promise<void> {
  await Promise.all([
    redis.set(KEY, 0, 'PX', KEPT_MS),
    redis.get(KEY),
    redis.pttl(key),
    redis.eval(SCRIPT, 1, KEY, KEPT_MS),
    redis.unlink(KEY),
  ]);
}
