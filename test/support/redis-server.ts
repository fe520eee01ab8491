import { randomUUID } from 'node:crypto';
import { join } from 'node:path';

import { findRedis, RedisServer } from '../../dev/redis-server.js';
import { testDirectory } from './test-directory.js';

/**
 * Starts a Redis of the spec's own: it takes milliseconds, and nothing is shared.
 *
 * @param settings more lines of its configuration.
 */
export async function startRedis(settings: readonly string[] = []): Promise<RedisServer> {
  const executable = findRedis();
  if (executable === undefined) throw new Error('There is no redis-server on the PATH');
  const directory = testDirectory();
  const name = `redis-${randomUUID()}`;
  return await RedisServer.start(executable, {
    directory,
    log: join(directory, `${name}.log`),
    // A replica keeps a copy of its master's data, which no other server must load.
    settings: [`dbfilename ${name}.rdb`, ...settings],
  });
}
