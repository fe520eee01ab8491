import { applyDecorators } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiExtraModels,
  ApiOkResponse,
  ApiOperation,
  getSchemaPath,
} from '@nestjs/swagger';

import { ApiProblem } from '../problems/problem.dto.js';
import { MetricsSummaryDto } from './metrics-summary.dto.js';

/** Documents `GET /metrics`. */
export function ApiMetrics(): MethodDecorator {
  return applyDecorators(
    ApiBearerAuth('METRICS_TOKEN'),
    ApiOperation({
      operationId: 'metrics',
      summary: 'The metrics of this replica, or a summary of its state',
      description:
        'Prometheus text, or a summary when the client prefers application/json. When METRICS_TOKEN is set, it is required as a bearer token.',
    }),
    ApiExtraModels(MetricsSummaryDto),
    ApiOkResponse({
      description: 'Prometheus text format 0.0.4, or the summary.',
      content: {
        'text/plain': {
          schema: { type: 'string' },
          example: 'farmlokal_breaker_transitions_total{dependency="inventory",state="open"} 1',
        },
        'application/json': { schema: { $ref: getSchemaPath(MetricsSummaryDto) } },
      },
    }),
    ApiProblem('METRICS_TOKEN is set, and the request does not have it.', {
      unauthorized: {
        detail: 'The metrics require METRICS_TOKEN as a bearer token.',
        instance: '/metrics',
      },
    }),
  );
}
