import { Global, Module } from '@nestjs/common';

import { RedisConnection } from './redis-connection.js';
import { RedisLock } from './redis-lock.js';

/** Redis: a connection that never makes anyone wait, and the lock built on it. */
@Global()
@Module({
  providers: [RedisConnection, RedisLock],
  exports: [RedisConnection, RedisLock],
})
export class RedisModule {}
