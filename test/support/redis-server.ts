import { randomUUID } from 'node:crypto';
import { join } from 'node:path';

import { findRedis, RedisServer } from '../../dev/redis-server.js';
import { testDirectory } from './test-directory.js';

/**
 * Starts a Redis server of one spec. It starts within milliseconds, so specs share none.
 *
 * @param settings additional lines of its configuration.
 */
export async function startRedis(settings: readonly string[] = []): Promise<RedisServer> {
  const executable = findRedis();
  if (executable === undefined) throw new Error('There is no redis-server on the PATH');
  const directory = testDirectory();
  const name = `redis-${randomUUID()}`;
  return await RedisServer.start(executable, {
    directory,
    log: join(directory, `${name}.log`),
    // A Redis replica stores the data of its master in this file, which no other server may load.
    settings: [`dbfilename ${name}.rdb`, ...settings],
  });
}
