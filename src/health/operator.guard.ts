import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { createHash, timingSafeEqual } from 'node:crypto';

import { Environment } from '../config/environment.js';
import { Problem } from '../problems/problem.js';

/** Requires `METRICS_TOKEN` as a bearer token. Without that variable, every request is authorized. */
@Injectable()
export class OperatorGuard implements CanActivate {
  private readonly token: Buffer | undefined;

  constructor({ METRICS_TOKEN }: Environment) {
    this.token = METRICS_TOKEN === undefined ? undefined : digest(METRICS_TOKEN);
  }

  isAuthorized({ headers }: FastifyRequest): boolean {
    const [, given = ''] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
    // Digests have one length, so the time of the comparison does not depend on the token's length.
    return this.token === undefined || timingSafeEqual(digest(given), this.token);
  }

  /** @throws Problem `unauthorized` without the token. */
  canActivate(context: ExecutionContext): boolean {
    if (!this.isAuthorized(context.switchToHttp().getRequest<FastifyRequest>())) {
      throw new Problem('unauthorized', 'The metrics require METRICS_TOKEN as a bearer token.', {
        headers: { 'WWW-Authenticate': 'Bearer' },
      });
    }
    return true;
  }
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
