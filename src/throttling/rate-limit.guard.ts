import { type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import {
  DEFAULT_IPV6_SUBNET_PREFIX,
  InjectThrottlerOptions,
  InjectThrottlerStorage,
  normalizeIp,
  ThrottlerGuard,
  type ThrottlerModuleOptions,
  ThrottlerStorage,
} from '@nestjs/throttler';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Counter, Registry } from 'prom-client';

import { Environment } from '../config/environment.js';
import { Problem } from '../problems/problem.js';
import { Unlimited } from './unlimited.js';

/**
 * Limits each client's requests per window over all routes, and sends the RateLimit headers. A client is an IPv4 address
 * or an IPv6 /64 network. `server/client-address.ts` finds its address behind the trusted proxies.
 *
 * @see https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
 */
@Injectable()
export class RateLimitGuard extends ThrottlerGuard {
  private readonly policy: string;
  private readonly rejected: Counter;
  /** Cached metadata by handler. No handler belongs to two controllers. */
  private readonly unlimitedHandlers = new WeakMap<object, boolean>();

  constructor(
    @InjectThrottlerOptions() options: ThrottlerModuleOptions,
    @InjectThrottlerStorage() storage: ThrottlerStorage,
    reflector: Reflector,
    private readonly environment: Environment,
    registry: Registry,
  ) {
    super(options, storage, reflector);
    const { THROTTLE_LIMIT, THROTTLE_TTL_MS } = environment;
    this.policy = `"default";q=${THROTTLE_LIMIT};w=${Math.ceil(THROTTLE_TTL_MS / 1000)}`;
    this.rejected = new Counter({
      name: 'farmlokal_throttled_requests_total',
      help: 'Requests rejected because their client exceeded the rate limit.',
      registers: [registry],
    });
  }

  /**
   * Counts a request against the limit of its client, and sets the RateLimit headers. The server calls this method for
   * requests that Nest does not route.
   *
   * @throws Problem `rate-limited` when the client exceeds its limit.
   */
  async consume(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { THROTTLE_LIMIT: limit, THROTTLE_TTL_MS: windowMs } = this.environment;
    const client = normalizeIp(request.client ?? '', DEFAULT_IPV6_SUBNET_PREFIX);
    const { totalHits, timeToExpire, isBlocked } = await this.storageService.increment(
      client,
      windowMs,
      limit,
      windowMs,
      'default',
    );
    reply.header('ratelimit-policy', this.policy);
    reply.header('ratelimit', `"default";r=${Math.max(0, limit - totalHits)};t=${timeToExpire}`);
    if (isBlocked) {
      this.rejected.inc();
      throw new Problem(
        'rate-limited',
        `A client may make ${limit} requests in ${windowMs / 1000} seconds. Retry in ${timeToExpire} seconds.`,
        { headers: { 'Retry-After': String(timeToExpire) } },
      );
    }
  }

  /** Replaces the library's implementation, which looks for limits by route at each request. */
  override async canActivate(context: ExecutionContext): Promise<boolean> {
    if (!this.isUnlimited(context)) {
      const http = context.switchToHttp();
      await this.consume(http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
    }
    return true;
  }

  private isUnlimited(context: ExecutionContext): boolean {
    const handler = context.getHandler();
    let unlimited = this.unlimitedHandlers.get(handler);
    if (unlimited === undefined) {
      const targets = [handler, context.getClass()];
      unlimited =
        this.reflector.getAllAndOverride<boolean | undefined>(Unlimited.KEY, targets) ?? false;
      this.unlimitedHandlers.set(handler, unlimited);
    }
    return unlimited;
  }
}
