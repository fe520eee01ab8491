import type { CommandOptions, RedisConnection } from './redis-connection.js';

/** One script, so that the TTL belongs to the value. */
const GET_WITH_TTL = `return {redis.call('get', KEYS[1]), redis.call('pttl', KEYS[1])}`;

/** The value of a key, and the milliseconds until the key expires. */
export interface ValueWithTtl {
  readonly value: string;
  readonly ttlMs: number;
}

/** Reads a key that expires: `null` when it does not exist, `undefined` when Redis gives no reply. */
export async function getWithTtl(
  redis: RedisConnection,
  key: string,
  options?: CommandOptions,
): Promise<ValueWithTtl | null | undefined> {
  const reply = await redis.attempt((client) => client.eval(GET_WITH_TTL, 1, key), options);
  if (reply === undefined) {
    return undefined;
  }
  const [value, ttlMs] = Array.isArray(reply) ? (reply as unknown[]) : [];
  return typeof value === 'string' && typeof ttlMs === 'number' && ttlMs > 0
    ? { value, ttlMs }
    : null;
}
