import { Controller, Get, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { HealthCheckResult } from '@nestjs/terminus';
import type { FastifyReply, FastifyRequest } from 'fastify';

import { NoQuery } from '../http/no-query.guard.js';
import { dependencyUnavailable } from '../problems/problem.js';
import { Unlimited } from '../throttling/unlimited.js';
import { HealthReport } from './health-report.js';
import { ProbeDto } from './health.dto.js';
import { ApiHealthReport, ApiLive, ApiReady } from './health.openapi.js';
import { OperatorGuard } from './operator.guard.js';
import { Readiness } from './readiness.js';

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
  @NoQuery('/health')
  @ApiHealthReport()
  async report(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) response: FastifyReply,
  ): Promise<HealthCheckResult | Pick<HealthCheckResult, 'status'>> {
    const { status, report } = await this.health.check();
    response.status(status);
    return this.operators.isAuthorized(request) ? report : { status: report.status };
  }

  @Get('live')
  @NoQuery('/health/live')
  @ApiLive()
  live(): ProbeDto {
    return OK;
  }

  @Get('ready')
  @NoQuery('/health/ready')
  @ApiReady()
  ready(): ProbeDto {
    const { notReadyReason } = this.readiness;
    if (notReadyReason !== undefined) {
      throw dependencyUnavailable(notReadyReason);
    }
    return OK;
  }
}
