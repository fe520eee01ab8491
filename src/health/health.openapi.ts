import { applyDecorators } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiOkResponse,
  ApiOperation,
  ApiServiceUnavailableResponse,
} from '@nestjs/swagger';

import { ApiProblem } from '../problems/problem.dto.js';
import { HealthReportDto, ProbeDto } from './health.dto.js';

/** Documents `GET /health`. */
export function ApiHealthReport(): MethodDecorator {
  return applyDecorators(
    ApiBearerAuth('METRICS_TOKEN'),
    ApiOperation({
      operationId: 'health',
      summary: 'The state of every dependency',
      description:
        'Meant for people and dashboards; load balancers use /health/ready. When METRICS_TOKEN is set, a request without it as a bearer token gets only the status.',
    }),
    ApiOkResponse({ type: HealthReportDto, description: 'PostgreSQL answers.' }),
    ApiServiceUnavailableResponse({
      type: HealthReportDto,
      description:
        'PostgreSQL does not answer or is not the primary, or this replica is shutting down. The same report.',
    }),
  );
}

/** Documents `GET /health/live`. */
export function ApiLive(): MethodDecorator {
  return applyDecorators(
    ApiOperation({
      operationId: 'live',
      summary: 'Whether the process runs',
      description: 'Uses no dependency.',
    }),
    ApiOkResponse({ type: ProbeDto, description: 'The process runs.' }),
  );
}

/** Documents `GET /health/ready`. */
export function ApiReady(): MethodDecorator {
  return applyDecorators(
    ApiOperation({ operationId: 'ready', summary: 'Whether to send requests to this replica' }),
    ApiOkResponse({
      type: ProbeDto,
      description: 'The replica has started and is not shutting down.',
    }),
    ApiProblem('The replica is starting or shutting down.', {
      'dependency-unavailable': {
        detail: 'The catalog is not connected yet.',
        instance: '/health/ready',
      },
    }),
  );
}
