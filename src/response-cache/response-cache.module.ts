import { Module } from '@nestjs/common';

import { CacheVersion } from './cache-version.js';
import { Freshness } from './freshness.js';
import { MemoryResponseStore } from './memory-response-store.js';
import { RedisResponseStore } from './redis-response-store.js';
import { ResponseCache } from './response-cache.js';
import { ResponseLoader } from './response-loader.js';

/** Cached responses and their invalidation. */
@Module({
  providers: [
    CacheVersion,
    Freshness,
    MemoryResponseStore,
    RedisResponseStore,
    ResponseCache,
    ResponseLoader,
  ],
  exports: [CacheVersion, ResponseCache],
})
export class ResponseCacheModule {}
