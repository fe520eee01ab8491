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
 * Lets each client make so many requests within a window, whatever they ask for, and says how many are left
 * (IETF draft-ietf-httpapi-ratelimit-headers). A client is an IPv4 address or an IPv6 network of 64 bits, as
 * far as the trusted proxies know it.
 */
@Injectable()
export class RateLimitGuard extends ThrottlerGuard {
  private readonly policy: string;
  private readonly refused: Counter;
  /** What the marks of a handler and of its class say, which are read once: no handler is shared by two classes. */
  private readonly unlimited = new WeakMap<object, boolean>();

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
    this.refused = new Counter({
      name: 'farmlokal_throttled_requests_total',
      help: 'Requests that were refused because their client had made too many.',
      registers: [registry],
    });
  }

  /**
   * Counts a request against its client.
   *
   * @throws Problem `rate-limited` when it is one too many.
   */
  async charge(request: FastifyRequest, reply: FastifyReply): Promise<void> {
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
      this.refused.inc();
      throw new Problem(
        'rate-limited',
        `A client may make ${limit} requests in ${windowMs / 1000} seconds; the next in ${timeToExpire}.`,
        { headers: { 'Retry-After': String(timeToExpire) } },
      );
    }
  }

  /** As the library does, but for its limits by route, which it would look for at each request. */
  override async canActivate(context: ExecutionContext): Promise<boolean> {
    if (!this.isUnlimited(context)) {
      const http = context.switchToHttp();
      await this.charge(http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
    }
    return true;
  }

  private isUnlimited(context: ExecutionContext): boolean {
    const handler = context.getHandler();
    let unlimited = this.unlimited.get(handler);
    if (unlimited === undefined) {
      const marks = [handler, context.getClass()];
      unlimited =
        this.reflector.getAllAndOverride<boolean | undefined>(Unlimited.KEY, marks) ?? false;
      this.unlimited.set(handler, unlimited);
    }
    return unlimited;
  }
}
