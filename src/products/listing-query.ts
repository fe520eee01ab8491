import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, Length, Matches } from 'class-validator';

import { DEFAULT_LIMIT, MAX_LIMIT, ORDERS, SORTS } from './listing.js';
import { CATEGORY_MAX_LENGTH, MAX_PRICE, PRICE_BOUND_PATTERN } from './product-rules.js';

const PRICE_MESSAGE = `has to be a decimal from 0 to ${MAX_PRICE} with at most two places`;

/** The query parameters of the product listing, as they arrive. */
export class ListingQuery {
  /** Products on a page. */
  @ApiPropertyOptional({
    type: 'integer',
    minimum: 1,
    maximum: MAX_LIMIT,
    default: DEFAULT_LIMIT,
    example: 20,
    description: 'Products on a page.',
  })
  @IsOptional()
  @Matches(/^([1-9]\d?|100)$/, { message: `has to be an integer from 1 to ${MAX_LIMIT}` })
  readonly limit?: string;

  /** What the rows are sorted by. Ties are ordered by id, in the same direction. */
  @ApiPropertyOptional({
    type: 'string',
    // `enum` by itself is lost on the way from a class to query parameters.
    allOf: [{ enum: [...SORTS] }],
    default: 'id',
    description:
      'What the products are sorted by. Ties are ordered by id, in the same direction. Names follow the Unicode root collation.',
  })
  @IsOptional()
  @IsIn(SORTS, { message: `has to be one of ${SORTS.join(', ')}` })
  readonly sort?: string;

  /** Direction of the sort. */
  @ApiPropertyOptional({
    type: 'string',
    allOf: [{ enum: [...ORDERS] }],
    default: 'asc',
    description: 'Direction of the sort.',
  })
  @IsOptional()
  @IsIn(ORDERS, { message: `has to be one of ${ORDERS.join(', ')}` })
  readonly order?: string;

  /** Only products of exactly this category. */
  @ApiPropertyOptional({
    type: 'string',
    minLength: 1,
    maxLength: CATEGORY_MAX_LENGTH,
    example: 'Electronics',
    description: 'Only products of exactly this category.',
  })
  @IsOptional()
  @Length(1, CATEGORY_MAX_LENGTH, { message: `has to have 1 to ${CATEGORY_MAX_LENGTH} characters` })
  readonly category?: string;

  /** Least price, inclusive. */
  @ApiPropertyOptional({
    type: 'string',
    pattern: PRICE_BOUND_PATTERN.source,
    example: '500',
    description: 'Least price, inclusive: 0 to 9999999999.99, at most two decimal places.',
  })
  @IsOptional()
  @Matches(PRICE_BOUND_PATTERN, { message: PRICE_MESSAGE })
  readonly minPrice?: string;

  /** Highest price, inclusive; not below the least. */
  @ApiPropertyOptional({
    type: 'string',
    pattern: PRICE_BOUND_PATTERN.source,
    example: '19999.50',
    description: 'Highest price, inclusive; not below minPrice.',
  })
  @IsOptional()
  @Matches(PRICE_BOUND_PATTERN, { message: PRICE_MESSAGE })
  readonly maxPrice?: string;

  /** Where the page begins: the `nextCursor` of the page before. */
  @ApiPropertyOptional({
    type: 'string',
    minLength: 1,
    maxLength: 2048,
    // The first is what the page at /docs fills in: nothing.
    examples: {
      first: { summary: 'The first page', value: '' },
      id: { summary: 'In the default sort: the id of the last product seen', value: '20' },
      token: {
        summary: 'In another sort: the nextCursor as it came',
        value: 'WyJwcmljZSIsImFzYyIsIjQ5LjUwIiwiMjAiXQ',
      },
    },
    description:
      'Where the page begins: the nextCursor of the page before. In the default sort it is the plain id of the last product seen (0 to 9223372036854775807, valid in both directions); in the others an opaque token that belongs to one sort and order.',
  })
  @IsOptional()
  @Length(1, 2048, { message: 'has to have 1 to 2048 characters' })
  readonly cursor?: string;
}
