import { ApiProperty } from '@nestjs/swagger';
import type { HealthCheckResult } from '@nestjs/terminus';

import { NOT_CONFIGURED } from '../health/health-report.js';
import { RELEASE } from '../release.js';

/** A summary of this replica's state, for people. */
export class MetricsSummaryDto {
  @ApiProperty({
    enum: ['ok', 'degraded', 'error', 'shutting_down'],
    description: 'As in /health.',
  })
  readonly status: string;

  @ApiProperty({ example: RELEASE.name })
  readonly service: string = RELEASE.name;

  @ApiProperty({ example: RELEASE.version })
  readonly version: string = RELEASE.version;

  @ApiProperty({ type: 'integer', example: 86_400 })
  readonly uptimeSeconds: number = Math.floor(process.uptime());

  @ApiProperty({ format: 'date-time' })
  readonly timestamp: string = new Date().toISOString();

  @ApiProperty({ enum: ['up', 'degraded', 'down'] })
  readonly database: string;

  @ApiProperty({ enum: ['up', 'degraded', 'down', 'not_configured'] })
  readonly redis: string;

  constructor({ status, details }: HealthCheckResult) {
    this.status = status;
    const { database, redis } = details;
    this.database = database?.status ?? 'down';
    this.redis = redis?.message === NOT_CONFIGURED ? 'not_configured' : (redis?.status ?? 'down');
  }
}
