import { Controller, Get, Req, Res, UseGuards } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Registry } from 'prom-client';

import { HealthReport } from '../health/health-report.js';
import { OperatorGuard } from '../health/operator.guard.js';
import { NoQuery } from '../http/no-query.guard.js';
import { Unlimited } from '../throttling/unlimited.js';
import { MetricsSummaryDto } from './metrics-summary.dto.js';
import { ApiMetrics } from './metrics.openapi.js';

/** `GET /metrics`. The guard requires `METRICS_TOKEN`; when that variable is unset, the metrics are public. */
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
  @NoQuery('/metrics')
  @ApiMetrics()
  async metrics(
    @Req() { headers }: FastifyRequest,
    @Res({ passthrough: true }) response: FastifyReply,
  ): Promise<string | MetricsSummaryDto> {
    // CORS may have set `Origin`.
    const vary = response.getHeader('vary');
    response.header('vary', vary === undefined ? 'Accept' : `${String(vary)}, Accept`);
    if (prefersJson(headers.accept)) {
      return new MetricsSummaryDto((await this.health.check()).report);
    }
    response.type(Registry.PROMETHEUS_CONTENT_TYPE);
    return this.registry.metrics();
  }
}

/** Whether a client prefers JSON to text (RFC 9110, section 12.5.1). */
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
