import type { CommandOptions, RedisConnection } from './redis-connection.js';

/** Together, so that the life is that of the value. */
const GET_WITH_LIFE = `return {redis.call('get', KEYS[1]), redis.call('pttl', KEYS[1])}`;

/** A text in Redis that is to expire, and the milliseconds until then by Redis' own count. */
export interface Living {
  readonly value: string;
  readonly life: number;
}

/** Reads a key that expires: `null` when there is none, `undefined` when Redis does not answer. */
export async function getWithTtl(
  redis: RedisConnection,
  key: string,
  options?: CommandOptions,
): Promise<Living | null | undefined> {
  const answer = await redis.attempt((client) => client.eval(GET_WITH_LIFE, 1, key), options);
  if (answer === undefined) {
    return undefined;
  }
  const [value, life] = Array.isArray(answer) ? (answer as unknown[]) : [];
  return typeof value === 'string' && typeof life === 'number' && life > 0 ? { value, life } : null;
}
