import { ApiProperty } from '@nestjs/swagger';

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
    description: 'degraded: without something that the service can do without.',
  })
  readonly status!: string;

  @ApiProperty({ ...DETAILS, example: { redis: { status: 'up' } } })
  readonly info!: object;

  @ApiProperty({ ...DETAILS, example: {} })
  readonly error!: object;

  @ApiProperty({ ...DETAILS, example: { redis: { status: 'up' } } })
  readonly details!: object;
}
