import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { createHash, timingSafeEqual } from 'node:crypto';

import { Environment } from '../config/environment.js';
import { Problem } from '../problems/problem.js';

/** Those who may see how the service is doing: whoever brings `METRICS_TOKEN`, or everybody where there is none. */
@Injectable()
export class OperatorGuard implements CanActivate {
  private readonly token: Buffer | undefined;

  constructor({ METRICS_TOKEN }: Environment) {
    this.token = METRICS_TOKEN === undefined ? undefined : digest(METRICS_TOKEN);
  }

  /** Whether a request comes from one of them. */
  include({ headers }: FastifyRequest): boolean {
    const [, given = ''] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
    // Digests have one length, so that the comparison tells nothing of the token's.
    return this.token === undefined || timingSafeEqual(digest(given), this.token);
  }

  /** @throws Problem `unauthorized` when it does not. */
  canActivate(context: ExecutionContext): boolean {
    if (!this.include(context.switchToHttp().getRequest<FastifyRequest>())) {
      throw new Problem('unauthorized', 'The metrics want METRICS_TOKEN as a bearer token.', {
        headers: { 'WWW-Authenticate': 'Bearer' },
      });
    }
    return true;
  }
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
