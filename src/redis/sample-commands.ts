import type { Redis } from 'ioredis';

const KEY = 'farmlokal:probe';
const TTL_MS = 1000;

/** Runs the commands that the scripts of the service use. */
const SCRIPT = `
redis.call('incrby', KEYS[1], 1)
redis.call('pexpire', KEYS[1], ARGV[1])
redis.call('pttl', KEYS[1])
redis.call('get', KEYS[1])
return redis.call('del', KEYS[1])`;

/**
 * Sends every command that the service uses, because a server or a user can lack individual commands.
 *
 * @param key a key to read as well, because a node of a cluster serves only some keys.
 * @throws the first error that Redis replies.
 */
export async function sendSample(redis: Redis, key = KEY): Promise<void> {
  await Promise.all([
    redis.set(KEY, 0, 'PX', TTL_MS),
    redis.get(KEY),
    redis.pttl(key),
    redis.eval(SCRIPT, 1, KEY, TTL_MS),
    redis.unlink(KEY),
  ]);
}
