import { Controller, Get, Header, Req, Res, UseGuards } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiExtraModels,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
  getSchemaPath,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Registry } from 'prom-client';

import { HealthReport } from '../health/health-report.js';
import { ApiProblem } from '../problems/problem.dto.js';
import { Unlimited } from '../throttling/unlimited.js';
import { MetricsSummaryDto } from './metrics-summary.dto.js';
import { OperatorGuard } from './operator.guard.js';

@ApiTags('metrics')
@Controller('metrics')
@UseGuards(OperatorGuard)
@Unlimited(true)
export class MetricsController {
  constructor(
    private readonly registry: Registry,
    private readonly health: HealthReport,
  ) {}

  @Get()
  @Header('Vary', 'Accept')
  @ApiBearerAuth('METRICS_TOKEN')
  @ApiOperation({
    operationId: 'metrics',
    summary: 'What this replica has counted, or how it is',
    description:
      'For Prometheus, unless the client accepts application/json. Where METRICS_TOKEN is set, it is wanted as a bearer token.',
  })
  @ApiExtraModels(MetricsSummaryDto)
  @ApiOkResponse({
    description: 'Prometheus text format 0.0.4, or a summary for people.',
    content: {
      'text/plain': {
        schema: { type: 'string' },
        example: 'farmlokal_breaker_transitions_total{dependency="inventory",state="open"} 1',
      },
      'application/json': { schema: { $ref: getSchemaPath(MetricsSummaryDto) } },
    },
  })
  @ApiProblem('METRICS_TOKEN is set, and the request does not bring it.', {
    unauthorized: {
      detail: 'The metrics want METRICS_TOKEN as a bearer token.',
      instance: '/metrics',
    },
  })
  async metrics(
    @Req() { headers }: FastifyRequest,
    @Res({ passthrough: true }) response: FastifyReply,
  ): Promise<string | MetricsSummaryDto> {
    if (prefersJson(headers.accept)) {
      return new MetricsSummaryDto((await this.health.make()).report);
    }
    response.type(Registry.PROMETHEUS_CONTENT_TYPE);
    return this.registry.metrics();
  }
}

/** Whether a client names JSON, and no text that it likes as much (RFC 9110, section 12.5.1). */
function prefersJson(accept = ''): boolean {
  const ranges = accept.split(',').map((range) => {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const quality = parameters.find((parameter) => parameter.startsWith('q='))?.slice('q='.length);
    return { type, quality: Number(quality ?? 1) };
  });
  const qualityOf = (...types: string[]): number =>
    Math.max(0, ...ranges.filter(({ type }) => types.includes(type)).map(({ quality }) => quality));
  return qualityOf('application/json') > qualityOf('text/plain', 'application/openmetrics-text');
}
