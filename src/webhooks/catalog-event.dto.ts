import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, Matches, Max, Min, ValidateIf } from 'class-validator';

import {
  CATEGORY_MAX_LENGTH,
  CURRENCY_PATTERN,
  DESCRIPTION_MAX_LENGTH,
  MAX_LATITUDE,
  MAX_LONGITUDE,
  MAX_PRICE,
  MAX_REVISION,
  NAME_MAX_LENGTH,
  PRICE_PATTERN,
  PRODUCER_MAX_LENGTH,
  SKU_MAX_LENGTH,
  UNIT_MAX_LENGTH,
} from '../products/product-rules.js';
import { StorableText } from './storable-text.js';

const REVISION = `must be an integer from 0 to ${MAX_REVISION}`;
const PRICE = `must be a string: a decimal from 0.00 to ${MAX_PRICE} with two places`;

/** Validates degrees. Both coordinates must be numbers, or both null or absent. */
function Degrees(other: 'latitude' | 'longitude', max: number): PropertyDecorator {
  const message = `must be a number from -${max} to ${max}, or null together with ${other}`;
  return applyDecorators(
    ValidateIf(
      (product: UpsertedProduct, value: unknown) =>
        (value ?? undefined) !== undefined || (product[other] ?? undefined) !== undefined,
    ),
    Min(-max, { message }),
    Max(max, { message }),
  );
}

/** The `data` of a `product.deleted` event. */
export class DeletedProduct {
  @ApiProperty({
    minLength: 1,
    maxLength: SKU_MAX_LENGTH,
    example: 'OKRA-1',
    description: "The producer's own key for the product.",
  })
  @StorableText(1, SKU_MAX_LENGTH)
  readonly sku!: string;

  @ApiProperty({
    type: 'integer',
    minimum: 0,
    maximum: MAX_REVISION,
    example: 7,
    description:
      'Grows with every change of the product. An event with an older or equal revision changes nothing.',
  })
  @IsInt({ message: REVISION })
  @Min(0, { message: REVISION })
  @Max(MAX_REVISION, { message: REVISION })
  readonly revision!: number;
}

/** The `data` of a `product.upserted` event: the whole product. */
export class UpsertedProduct extends DeletedProduct {
  @ApiProperty({ minLength: 1, maxLength: NAME_MAX_LENGTH, example: 'Okra' })
  @StorableText(1, NAME_MAX_LENGTH)
  readonly name!: string;

  @ApiProperty({ maxLength: DESCRIPTION_MAX_LENGTH, example: 'Picked this morning.' })
  @StorableText(0, DESCRIPTION_MAX_LENGTH)
  readonly description!: string;

  @ApiProperty({ minLength: 1, maxLength: CATEGORY_MAX_LENGTH, example: 'Vegetables' })
  @StorableText(1, CATEGORY_MAX_LENGTH)
  readonly category!: string;

  @ApiProperty({
    pattern: PRICE_PATTERN.source,
    example: '49.50',
    description: 'A decimal with two places, as a string.',
  })
  @Matches(PRICE_PATTERN, { message: PRICE })
  readonly price!: string;

  @ApiProperty({
    pattern: CURRENCY_PATTERN.source,
    example: 'INR',
    description: "ISO 4217. Must be the catalog's currency.",
  })
  readonly currency!: string;

  @ApiProperty({
    minLength: 1,
    maxLength: UNIT_MAX_LENGTH,
    example: 'kg',
    description: 'The unit that the price is for.',
  })
  @StorableText(1, UNIT_MAX_LENGTH)
  readonly unit!: string;

  @ApiProperty({ minLength: 1, maxLength: PRODUCER_MAX_LENGTH, example: 'Asha Farm' })
  @StorableText(1, PRODUCER_MAX_LENGTH)
  readonly producer!: string;

  @ApiPropertyOptional({
    type: Number,
    nullable: true,
    minimum: -MAX_LATITUDE,
    maximum: MAX_LATITUDE,
    example: 18.5204,
    description: 'WGS 84 degrees.',
  })
  @Degrees('longitude', MAX_LATITUDE)
  readonly latitude?: number | null;

  @ApiPropertyOptional({
    type: Number,
    nullable: true,
    minimum: -MAX_LONGITUDE,
    maximum: MAX_LONGITUDE,
    example: 73.8567,
    description: 'WGS 84 degrees.',
  })
  @Degrees('latitude', MAX_LONGITUDE)
  readonly longitude?: number | null;
}
