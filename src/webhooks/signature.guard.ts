import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';

import { Environment } from '../config/environment.js';
import { dependencyUnavailable, Problem } from '../problems/problem.js';
import { RateLimitGuard } from '../throttling/rate-limit.guard.js';
import { SignatureVerifier } from './signature.js';
import { signedMessage } from './signed-message.js';

/** Lets signed messages through, as many as there are. One that is not counts against whoever sent it. */
@Injectable()
export class SignatureGuard implements CanActivate {
  private readonly verifier: SignatureVerifier | undefined;

  constructor(
    { WEBHOOK_SECRETS }: Environment,
    private readonly rateLimit: RateLimitGuard,
  ) {
    this.verifier = WEBHOOK_SECRETS && new SignatureVerifier(WEBHOOK_SECRETS);
  }

  /**
   * @throws Problem `invalid-signature`, `rate-limited` when there were too many of those, or
   * `dependency-unavailable` when no secret is configured.
   */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const fault = this.verifier?.fault(signedMessage(request));
    if (this.verifier === undefined || fault !== undefined) {
      await this.rateLimit.charge(request, http.getResponse<FastifyReply>());
    }
    if (this.verifier === undefined) {
      throw dependencyUnavailable('No secret for webhooks is configured.');
    }
    if (fault !== undefined) {
      throw new Problem('invalid-signature', fault, {
        headers: { 'WWW-Authenticate': 'StandardWebhooks' },
      });
    }
    return true;
  }
}
