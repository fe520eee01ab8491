import { randomUUID } from 'node:crypto';
import { join } from 'node:path';

import { findRedis, RedisServer } from '../../dev/redis-server.js';
import { testDirectory } from './test-directory.js';

/** Starts a Redis of the spec's own: it takes milliseconds, and nothing is shared. */
export async function startRedis(): Promise<RedisServer> {
  const executable = findRedis();
  if (executable === undefined) throw new Error('There is no redis-server on the PATH');
  const directory = testDirectory();
  return await RedisServer.start(executable, {
    directory,
    log: join(directory, `redis-${randomUUID()}.log`),
  });
}
