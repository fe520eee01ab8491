import { applyDecorators } from '@nestjs/common';
import { ApiOkResponse, ApiOperation } from '@nestjs/swagger';

import { ApiId } from '../http/id.openapi.js';
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
    ApiId('40', (id) => `/api/products/${id}/availability`),
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
