import { ApiProperty } from '@nestjs/swagger';

import type { Availability } from './availability.service.js';

/** The body of an availability response. */
export class AvailabilityDto {
  @ApiProperty({ pattern: '^[0-9]+$', example: '40' })
  readonly productId: string;

  @ApiProperty({ minimum: 0, example: 112, description: 'In the unit of the product.' })
  readonly quantity: number;

  @ApiProperty({
    format: 'date-time',
    example: '2026-11-23T06:30:00.000Z',
    description: 'When the inventory counted the stock: RFC 3339, UTC.',
  })
  readonly asOf: string;

  @ApiProperty({
    example: false,
    description: 'Whether this is an earlier response, because the inventory is unavailable.',
  })
  readonly stale: boolean;

  constructor({ productId, stock: { quantity, asOf }, stale }: Availability) {
    this.productId = productId;
    this.quantity = quantity;
    this.asOf = asOf;
    this.stale = stale;
  }
}
