import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { applyDecorators } from '@nestjs/common';
import {
  IsInt,
  Matches,
  Max,
  Min,
  registerDecorator,
  ValidateIf,
  validateSync,
} from 'class-validator';
import { parse as parseJson } from 'secure-json-parse';

import { readTimestamp } from '../http/rfc3339-timestamp.js';
import { type ParameterFault, Problem, unprocessable } from '../problems/problem.js';

/** Events that change the catalogue. Others are taken, recorded and ignored. */
export const EVENT_TYPES = ['product.upserted', 'product.deleted'] as const;

const MAX_REVISION = Number.MAX_SAFE_INTEGER;
const REVISION = `has to be an integer from 0 to ${MAX_REVISION}`;
const PRICE = 'has to be a text: a decimal from 0.00 to 9999999999.99 with two places';

/** A text that PostgreSQL stores as it is, its length counted in characters as PostgreSQL counts. */
function Text(min: number, max: number): PropertyDecorator {
  return (target, propertyName) => {
    registerDecorator({
      name: 'text',
      target: target.constructor,
      propertyName: String(propertyName),
      validator: {
        validate: (value: unknown) =>
          typeof value === 'string' && isStorable(value) && isWithin(value, min, max),
        defaultMessage: () => `has to be a text of ${min} to ${max} characters, none of them NUL`,
      },
    });
  };
}

function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

function isWithin(text: string, min: number, max: number): boolean {
  if (text.length < min || text.length > 2 * max) {
    return false;
  }
  const { length } = Array.from(text);
  return length >= min && length <= max;
}

/** Degrees, or null; one coordinate does not go without the other. */
function Degrees(other: 'latitude' | 'longitude', most: number): PropertyDecorator {
  const message = `has to be a number from -${most} to ${most}, or null together with ${other}`;
  return applyDecorators(
    ValidateIf(
      (place: UpsertedProduct, value: unknown) =>
        (value ?? undefined) !== undefined || (place[other] ?? undefined) !== undefined,
    ),
    Min(-most, { message }),
    Max(most, { message }),
  );
}

/** What a `product.deleted` is about. */
export class DeletedProduct {
  @ApiProperty({
    minLength: 1,
    maxLength: 200,
    example: 'OKRA-1',
    description: "The producer's own key.",
  })
  @Text(1, 200)
  readonly sku!: string;

  @ApiProperty({
    type: 'integer',
    minimum: 0,
    maximum: MAX_REVISION,
    example: 7,
    description:
      'Grows with every change of the product; what is not newer than the last is not applied.',
  })
  @IsInt({ message: REVISION })
  @Min(0, { message: REVISION })
  @Max(MAX_REVISION, { message: REVISION })
  readonly revision!: number;
}

/** What a `product.upserted` is about: the whole product. */
export class UpsertedProduct extends DeletedProduct {
  @ApiProperty({ minLength: 1, maxLength: 200, example: 'Okra' })
  @Text(1, 200)
  readonly name!: string;

  @ApiProperty({ maxLength: 5000, example: 'Picked this morning.' })
  @Text(0, 5000)
  readonly description!: string;

  @ApiProperty({ minLength: 1, maxLength: 100, example: 'Vegetables' })
  @Text(1, 100)
  readonly category!: string;

  @ApiProperty({
    pattern: '^(0|[1-9][0-9]{0,9})\\.[0-9]{2}$',
    example: '49.50',
    description: 'A text, never a float.',
  })
  @Matches(/^(0|[1-9]\d{0,9})\.\d{2}$/, { message: PRICE })
  readonly price!: string;

  @ApiProperty({
    pattern: '^[A-Z]{3}$',
    example: 'INR',
    description: 'ISO 4217. The currency of this catalogue; another one is refused.',
  })
  readonly currency!: string;

  @ApiProperty({
    minLength: 1,
    maxLength: 200,
    example: 'kg',
    description: 'What the price is for.',
  })
  @Text(1, 200)
  readonly unit!: string;

  @ApiProperty({ minLength: 1, maxLength: 200, example: 'Asha Farm' })
  @Text(1, 200)
  readonly producer!: string;

  @ApiPropertyOptional({
    type: Number,
    nullable: true,
    minimum: -90,
    maximum: 90,
    example: 18.5204,
    description: 'WGS 84 degrees.',
  })
  @Degrees('longitude', 90)
  readonly latitude?: number | null;

  @ApiPropertyOptional({
    type: Number,
    nullable: true,
    minimum: -180,
    maximum: 180,
    example: 73.8567,
    description: 'WGS 84 degrees.',
  })
  @Degrees('latitude', 180)
  readonly longitude?: number | null;
}

/** A change that is to be applied, or something that is none of ours. */
export type CatalogEvent =
  | { readonly type: 'product.upserted'; readonly product: UpsertedProduct }
  | { readonly type: 'product.deleted'; readonly product: DeletedProduct }
  | { readonly type: string; readonly product?: undefined };

/**
 * Reads the body of an event. Fields that are not known are passed over, so that a partner can add one.
 *
 * @param currency the only one that a price may be in: prices in several could not be compared.
 * @throws Problem `malformed-request` when it is not JSON in UTF-8, or made to pollute a prototype.
 * @throws Problem `validation-failed`, with status 422, that names every field that is not valid.
 */
export function readEvent(body: Buffer, currency: string): CatalogEvent {
  const event = parse(body);
  if (!isRecord(event)) {
    throw unprocessable({ parameter: 'body', message: 'has to be a JSON object' });
  }
  const { type, timestamp, data } = event;
  if (typeof type !== 'string' || !isStorable(type) || !isWithin(type, 1, 200)) {
    throw unprocessable({ parameter: 'type', message: 'has to be a text of 1 to 200 characters' });
  }
  if (type !== 'product.upserted' && type !== 'product.deleted') {
    return { type };
  }
  const product = type === 'product.upserted' ? new UpsertedProduct() : new DeletedProduct();
  const faults = [
    ...(typeof timestamp === 'string' && readTimestamp(timestamp) !== undefined
      ? []
      : [{ parameter: 'timestamp', message: 'has to be a date and time as in RFC 3339' }]),
    ...(isRecord(data)
      ? faultsOf(fill(product, data), currency)
      : [{ parameter: 'data', message: 'has to be an object' }]),
  ];
  const [first, ...others] = faults;
  if (first !== undefined) {
    throw unprocessable(first, ...others);
  }
  return { type, product } as CatalogEvent;
}

function parse(body: Buffer): unknown {
  try {
    return parseJson(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (cause) {
    throw new Problem(
      'malformed-request',
      'The body is not JSON in UTF-8, or has a __proto__ or a constructor.prototype in it.',
      { cause },
    );
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Takes over the fields that the product has, and no others. */
function fill(product: DeletedProduct, data: Readonly<Record<string, unknown>>): DeletedProduct {
  for (const field of Object.keys(product)) {
    if (Object.hasOwn(data, field)) {
      Object.assign(product, { [field]: data[field] });
    }
  }
  return product;
}

function faultsOf(product: DeletedProduct, currency: string): ParameterFault[] {
  const faults = validateSync(product, { stopAtFirstError: true }).map(
    ({ property, constraints = {} }) => ({
      parameter: `data.${property}`,
      message: Object.values(constraints)[0] ?? 'is not valid',
    }),
  );
  if (product instanceof UpsertedProduct && product.currency !== currency) {
    const message = `has to be ${currency}, the currency of this catalogue`;
    faults.push({ parameter: 'data.currency', message });
  }
  return faults;
}
