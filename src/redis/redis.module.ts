import { Global, Module } from '@nestjs/common';

import { RedisConnection } from './redis-connection.js';
import { RedisLock } from './redis-lock.js';

/** Redis: the connection, and the lock that is built on it. */
@Global()
@Module({
  providers: [RedisConnection, RedisLock],
  exports: [RedisConnection, RedisLock],
})
export class RedisModule {}
