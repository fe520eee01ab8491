import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';

const DETAILS = {
  type: 'object' as const,
  additionalProperties: {
    type: 'object' as const,
    properties: { status: { type: 'string' as const }, message: { type: 'string' as const } },
  },
};

/** A Terminus report. */
export class HealthReportDto {
  @ApiProperty({
    enum: ['ok', 'degraded', 'error', 'shutting_down'],
    description:
      'degraded: an optional dependency that is configured does not work. A dependency that is not configured is up, with the message "not configured".',
  })
  readonly status!: string;

  @ApiPropertyOptional({ ...DETAILS, example: { redis: { status: 'up' } } })
  readonly info?: object;

  @ApiPropertyOptional({ ...DETAILS, example: {} })
  readonly error?: object;

  @ApiPropertyOptional({ ...DETAILS, example: { redis: { status: 'up' } } })
  readonly details?: object;
}
