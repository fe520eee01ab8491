import type { CommandOptions, RedisConnection } from './redis-connection.js';

const COMPARE_AND_DELETE = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0`;

/** Deletes a key only while it still has this value, because another process may have set it since. */
export async function compareAndDelete(
  redis: RedisConnection,
  key: string,
  value: string,
  options?: CommandOptions,
): Promise<void> {
  await redis.attempt((client) => client.eval(COMPARE_AND_DELETE, 1, key, value), options);
}
