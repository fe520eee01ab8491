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
  id: '21',
  sku: 'SAMPLE-000000021',
  name: 'Organic Pak Choi',
  description:
    'Raised on vermicompost near Indore and delivered the same day. Wrap in a damp cloth and refrigerate.',
  category: 'Leafy Greens',
  price: '84.82',
  currency: 'INR',
  unit: '250 g',
  producer: 'Indore Urban Growers',
  latitude: 22.71954,
  longitude: 75.950043,
  createdAt: '2024-02-03T12:08:17.534944Z',
  updatedAt: '2024-02-03T12:08:17.534944Z',
};

/** A product in responses. */
export class ProductDto {
  @ApiProperty({
    pattern: '^[0-9]+$',
    example: EXAMPLE.id,
    description: 'Decimal digits of a 64-bit integer.',
  })
  readonly id!: string;

  @ApiProperty({
    minLength: 1,
    maxLength: SKU_MAX_LENGTH,
    example: EXAMPLE.sku,
    description: "The producer's own key of the product.",
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
    description: 'A decimal with two places, as a string; never a floating-point number.',
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
    description: 'WGS 84 degrees; null when the place is unknown.',
  })
  readonly latitude!: number | null;

  @ApiProperty({
    type: Number,
    nullable: true,
    minimum: -MAX_LONGITUDE,
    maximum: MAX_LONGITUDE,
    example: EXAMPLE.longitude,
    description: 'WGS 84 degrees; null when the place is unknown.',
  })
  readonly longitude!: number | null;

  @ApiProperty({
    format: 'date-time',
    example: EXAMPLE.createdAt,
    description: 'RFC 3339 in UTC, with microseconds.',
  })
  readonly createdAt!: string;

  @ApiProperty({
    format: 'date-time',
    example: EXAMPLE.updatedAt,
    description: 'RFC 3339 in UTC, with microseconds.',
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
    example: '21',
    description: 'The cursor parameter of the next page; null on the last page.',
  })
  readonly nextCursor!: string | null;
}
