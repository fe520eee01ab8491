import {
  applyDecorators,
  type CanActivate,
  type ExecutionContext,
  Injectable,
  UseGuards,
} from '@nestjs/common';
import type { FastifyRequest } from 'fastify';

import { ApiProblem } from '../problems/problem.dto.js';
import { decodeQuery, type QueryString } from './query-string.js';

/** Does the same as NoQueryPipe, for a handler without parameters. */
@Injectable()
export class NoQueryGuard implements CanActivate {
  /** @throws Problem `validation-failed` or `malformed-request`. */
  canActivate(context: ExecutionContext): boolean {
    decodeQuery(context.switchToHttp().getRequest<FastifyRequest>().query as QueryString, []);
    return true;
  }
}

/** Rejects every query parameter, and documents that. */
export function NoQuery(instance: string): MethodDecorator {
  return applyDecorators(
    UseGuards(NoQueryGuard),
    ApiProblem('The resource has no query parameters.', {
      'validation-failed': {
        detail: 'is not a parameter of this resource',
        instance,
        parameter: 'verbose',
      },
      'malformed-request': {
        detail: 'A parameter name is not percent-encoded UTF-8.',
        instance,
      },
    }),
  );
}
