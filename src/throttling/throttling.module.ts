import { Global, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { getOptionsToken, type ThrottlerModuleOptions, ThrottlerStorage } from '@nestjs/throttler';

import { Environment } from '../config/environment.js';
import { RateLimitGuard } from './rate-limit.guard.js';
import { RateLimitStore } from './rate-limit-store.js';

/** Limits the requests of each client, on every route without `@Unlimited(true)`. */
@Global()
@Module({
  providers: [
    RateLimitStore,
    { provide: ThrottlerStorage, useExisting: RateLimitStore },
    { provide: getOptionsToken(), inject: [Environment], useFactory: throttlerOptions },
    RateLimitGuard,
    { provide: APP_GUARD, useExisting: RateLimitGuard },
  ],
  exports: [RateLimitGuard],
})
export class ThrottlingModule {}

function throttlerOptions({
  THROTTLE_LIMIT,
  THROTTLE_TTL_MS,
}: Environment): ThrottlerModuleOptions {
  return [{ limit: THROTTLE_LIMIT, ttl: THROTTLE_TTL_MS }];
}
