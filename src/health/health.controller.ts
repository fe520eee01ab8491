import { Controller, Get, Req, Res } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiOkResponse,
  ApiOperation,
  ApiProperty,
  ApiServiceUnavailableResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { HealthCheckResult } from '@nestjs/terminus';
import type { FastifyReply, FastifyRequest } from 'fastify';

import { OperatorGuard } from '../metrics/operator.guard.js';
import { dependencyUnavailable } from '../problems/problem.js';
import { ApiProblem } from '../problems/problem.dto.js';
import { Unlimited } from '../throttling/unlimited.js';
import { HealthReport } from './health-report.js';
import { HealthReportDto } from './health-report.dto.js';
import { Readiness } from './readiness.js';

/** The answer of a probe that is content. */
export class ProbeDto {
  @ApiProperty({ enum: ['ok'] })
  readonly status = 'ok';
}

const OK = new ProbeDto();

@ApiTags('health')
@Controller('health')
@Unlimited(true)
export class HealthController {
  constructor(
    private readonly readiness: Readiness,
    private readonly health: HealthReport,
    private readonly operators: OperatorGuard,
  ) {}

  @Get()
  @ApiBearerAuth('METRICS_TOKEN')
  @ApiOperation({
    operationId: 'health',
    summary: 'Every dependency and how it is',
    description:
      'For people and dashboards; balancers ask /health/ready. Where METRICS_TOKEN is set, whoever does not bring it as a bearer token sees the status only.',
  })
  @ApiOkResponse({ type: HealthReportDto, description: 'PostgreSQL answers.' })
  @ApiServiceUnavailableResponse({
    type: HealthReportDto,
    description:
      'PostgreSQL does not answer or is not the primary, or this replica is shutting down. The same report.',
  })
  async report(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) response: FastifyReply,
  ): Promise<HealthCheckResult | Pick<HealthCheckResult, 'status'>> {
    const { status, report } = await this.health.make();
    response.status(status);
    return this.operators.include(request) ? report : { status: report.status };
  }

  @Get('live')
  @ApiOperation({
    operationId: 'live',
    summary: 'Whether the process runs; asks nothing of anyone',
  })
  @ApiOkResponse({ type: ProbeDto, description: 'It runs.' })
  live(): ProbeDto {
    return OK;
  }

  @Get('ready')
  @ApiOperation({ operationId: 'ready', summary: 'Whether this replica wants requests' })
  @ApiOkResponse({ type: ProbeDto, description: 'It has started and is not shutting down.' })
  @ApiProblem('It is starting or shutting down.', {
    'dependency-unavailable': {
      detail: 'The catalogue is not connected yet.',
      instance: '/health/ready',
    },
  })
  ready(): ProbeDto {
    const { obstacle } = this.readiness;
    if (obstacle !== undefined) {
      throw dependencyUnavailable(obstacle);
    }
    return OK;
  }
}
