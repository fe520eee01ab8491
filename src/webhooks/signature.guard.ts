import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';

import { Environment } from '../config/environment.js';
import { dependencyUnavailable, Problem } from '../problems/problem.js';
import { RateLimitGuard } from '../throttling/rate-limit.guard.js';
import { SignatureVerifier } from './signature-verifier.js';
import { readSignedMessage } from './signed-message.js';

/** Accepts messages with a valid signature. Only the others count against the rate limit of their client. */
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
   * @throws Problem `invalid-signature`, `rate-limited` after too many of those, or `dependency-unavailable` when no
   * secret is configured.
   */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const problem = this.findProblem(request);
    if (problem !== undefined) {
      await this.rateLimit.consume(request, http.getResponse<FastifyReply>());
      throw problem;
    }
    return true;
  }

  private findProblem(request: FastifyRequest): Problem | undefined {
    if (this.verifier === undefined) {
      return dependencyUnavailable('No webhook secret is configured.');
    }
    const fault = this.verifier.findFault(readSignedMessage(request));
    return fault === undefined
      ? undefined
      : new Problem('invalid-signature', fault, {
          headers: { 'WWW-Authenticate': 'StandardWebhooks' },
        });
  }
}
