import { applyDecorators } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam } from '@nestjs/swagger';

import { ID_PATTERN, INVALID_ID } from '../http/id.pipe.js';
import { ApiProblem } from '../problems/problem.dto.js';
import { ApiRateLimited } from '../throttling/api-rate-limited.js';
import { AvailabilityDto } from './availability.dto.js';

const INSTANCE = '/api/products/40/availability';

/** Documents the availability of one product. */
export function ApiAvailability(): MethodDecorator {
  return applyDecorators(
    ApiOperation({
      operationId: 'getAvailability',
      summary: 'Current stock of a product',
      description:
        'Returns the stock level from the inventory within a deadline. While the inventory is unavailable, returns its last response of the past 24 hours with stale: true.',
    }),
    ApiParam({
      name: 'id',
      description: 'An integer from 0 to 9223372036854775807.',
      schema: { type: 'string', pattern: ID_PATTERN, example: '40' },
    }),
    ApiOkResponse({
      type: AvailabilityDto,
      description: 'The stock level.',
      headers: {
        Age: {
          description: 'Seconds since the response of the inventory; only with stale: true.',
          schema: { type: 'integer' },
        },
        'X-Request-Id': { schema: { type: 'string' } },
      },
    }),
    ApiProblem('The request is invalid.', {
      'validation-failed': {
        detail: INVALID_ID,
        instance: '/api/products/abc/availability',
        parameter: 'id',
      },
    }),
    ApiProblem('The id is longer than 100 characters.', {
      'malformed-request': {
        detail: 'A part of the path is too long.',
        instance: '/api/products/000…/availability',
        status: 414,
      },
    }),
    ApiProblem('The product does not exist, or the inventory does not know it.', {
      'not-found': { detail: 'The inventory does not know the product 40.', instance: INSTANCE },
    }),
    ApiRateLimited(INSTANCE),
    ApiProblem(
      'The inventory is unavailable and has not responded in the past 24 hours, or no inventory is configured.',
      {
        'dependency-unavailable': { detail: 'The inventory does not answer.', instance: INSTANCE },
        overloaded: {
          detail: 'Too many requests are waiting for the inventory.',
          instance: INSTANCE,
        },
      },
    ),
  );
}
