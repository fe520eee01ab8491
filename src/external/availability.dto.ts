import { ApiProperty } from '@nestjs/swagger';

import type { Availability } from './availability.service.js';

/** Live stock of a product as the API gives it. */
export class AvailabilityDto {
  @ApiProperty({ pattern: '^[0-9]+$', example: '40' })
  readonly productId: string;

  @ApiProperty({ minimum: 0, example: 112, description: "In the product's unit." })
  readonly quantity: number;

  @ApiProperty({
    format: 'date-time',
    example: '2026-11-23T06:30:00.000Z',
    description: 'When that was so: RFC 3339, UTC.',
  })
  readonly asOf: string;

  @ApiProperty({
    example: false,
    description: 'True when the inventory cannot be asked and this is its last answer.',
  })
  readonly stale: boolean;

  constructor({ productId, stock: { quantity, asOf }, stale }: Availability) {
    this.productId = productId;
    this.quantity = quantity;
    this.asOf = asOf;
    this.stale = stale;
  }
}
