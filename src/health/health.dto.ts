import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';

const DEPENDENCIES = {
  type: 'object' as const,
  additionalProperties: {
    type: 'object' as const,
    properties: { status: { type: 'string' as const }, message: { type: 'string' as const } },
  },
};

/** The response to a probe that succeeds. */
export class ProbeDto {
  @ApiProperty({ enum: ['ok'] })
  readonly status = 'ok';
}

/** A Terminus report. */
export class HealthReportDto {
  @ApiProperty({
    enum: ['ok', 'degraded', 'error', 'shutting_down'],
    description:
      'degraded: an optional dependency that is configured does not work. A dependency that is not configured is up, with the message "not configured".',
  })
  readonly status!: string;

  @ApiPropertyOptional({ ...DEPENDENCIES, example: { redis: { status: 'up' } } })
  readonly info?: object;

  @ApiPropertyOptional({ ...DEPENDENCIES, example: {} })
  readonly error?: object;

  @ApiPropertyOptional({ ...DEPENDENCIES, example: { redis: { status: 'up' } } })
  readonly details?: object;
}
