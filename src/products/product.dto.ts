import { ApiProperty } from '@nestjs/swagger';

import {
  CATEGORY_MAX_LENGTH,
  CURRENCY_PATTERN,
  DESCRIPTION_MAX_LENGTH,
  MAX_LATITUDE,
  MAX_LONGITUDE,
  NAME_MAX_LENGTH,
  PRICE_PATTERN,
  PRODUCER_MAX_LENGTH,
  SKU_MAX_LENGTH,
  UNIT_MAX_LENGTH,
} from './product-rules.js';

const EXAMPLE = {
  id: '40',
  sku: 'SAMPLE-000000040',
  name: 'Solar Fence Energiser',
  description: 'Made for smallholders: a device that a farmer near Ludhiana can repair.',
  category: 'Electronics',
  price: '10763.00',
  currency: 'INR',
  unit: 'piece',
  producer: 'Ludhiana Rural Innovation Cooperative',
  latitude: 30.998477,
  longitude: 75.909437,
  createdAt: '2025-08-04T15:25:31.214305Z',
  updatedAt: '2025-11-28T12:19:03.907968Z',
};

/** A product as the API gives it. */
export class ProductDto {
  @ApiProperty({
    pattern: '^[0-9]+$',
    example: EXAMPLE.id,
    description: 'Digits; a 64-bit integer.',
  })
  readonly id!: string;

  @ApiProperty({
    minLength: 1,
    maxLength: SKU_MAX_LENGTH,
    example: EXAMPLE.sku,
    description: "The producer's own key.",
  })
  readonly sku!: string;

  @ApiProperty({ minLength: 1, maxLength: NAME_MAX_LENGTH, example: EXAMPLE.name })
  readonly name!: string;

  @ApiProperty({ maxLength: DESCRIPTION_MAX_LENGTH, example: EXAMPLE.description })
  readonly description!: string;

  @ApiProperty({ minLength: 1, maxLength: CATEGORY_MAX_LENGTH, example: EXAMPLE.category })
  readonly category!: string;

  @ApiProperty({
    pattern: PRICE_PATTERN.source,
    example: EXAMPLE.price,
    description: 'A decimal with two places, as text: never a float.',
  })
  readonly price!: string;

  @ApiProperty({
    pattern: CURRENCY_PATTERN.source,
    example: EXAMPLE.currency,
    description: 'ISO 4217.',
  })
  readonly currency!: string;

  @ApiProperty({
    minLength: 1,
    maxLength: UNIT_MAX_LENGTH,
    example: EXAMPLE.unit,
    description: 'What the price is for.',
  })
  readonly unit!: string;

  @ApiProperty({ minLength: 1, maxLength: PRODUCER_MAX_LENGTH, example: EXAMPLE.producer })
  readonly producer!: string;

  @ApiProperty({
    type: Number,
    nullable: true,
    minimum: -MAX_LATITUDE,
    maximum: MAX_LATITUDE,
    example: EXAMPLE.latitude,
    description: 'WGS 84 degrees; null when the place is not known.',
  })
  readonly latitude!: number | null;

  @ApiProperty({
    type: Number,
    nullable: true,
    minimum: -MAX_LONGITUDE,
    maximum: MAX_LONGITUDE,
    example: EXAMPLE.longitude,
    description: 'WGS 84 degrees; null when the place is not known.',
  })
  readonly longitude!: number | null;

  @ApiProperty({
    format: 'date-time',
    example: EXAMPLE.createdAt,
    description: 'RFC 3339, UTC, microseconds.',
  })
  readonly createdAt!: string;

  @ApiProperty({
    format: 'date-time',
    example: EXAMPLE.updatedAt,
    description: 'RFC 3339, UTC, microseconds.',
  })
  readonly updatedAt!: string;
}

/** A page of the listing. */
export class ProductPageDto {
  @ApiProperty({ type: [ProductDto], maxItems: 100, example: [EXAMPLE] })
  readonly data!: ProductDto[];

  @ApiProperty({
    type: String,
    nullable: true,
    example: '40',
    description: 'What to pass as cursor for the next page; null on the last.',
  })
  readonly nextCursor!: string | null;
}
