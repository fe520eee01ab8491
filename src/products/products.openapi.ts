import { applyDecorators } from '@nestjs/common';
import {
  ApiOkResponse,
  ApiOperation,
  ApiQuery,
  ApiResponse,
  type ApiQueryOptions,
} from '@nestjs/swagger';

import { ApiId } from '../http/id.openapi.js';
import { MAX_ID } from '../http/id.pipe.js';
import { ApiProblem } from '../problems/problem.dto.js';
import { ApiRateLimited } from '../throttling/api-rate-limited.js';
import { CURSOR_MAX_LENGTH } from './cursor.js';
import { DEFAULT_LIMIT, MAX_LIMIT } from './listing.js';
import { ProductDto, ProductPageDto } from './product.dto.js';
import { CATEGORY_MAX_LENGTH, MAX_PRICE, PRICE_BOUND_PATTERN } from './product-rules.js';
import { ORDERS, SORTS } from './sort.js';

const CACHE_HEADERS = {
  ETag: { description: 'A strong tag of the body.', schema: { type: 'string' as const } },
  'Cache-Control': { schema: { type: 'string' as const, example: 'public, no-cache' } },
  'X-Cache': {
    description:
      'HIT: from a cache, fresh. MISS: read from the database for this request. STALE: from a cache, past its time to live.',
    schema: { type: 'string' as const, enum: ['HIT', 'MISS', 'STALE'] },
  },
  Age: {
    description: 'Seconds since the response was read from the database; absent on a MISS.',
    schema: { type: 'integer' as const },
  },
  'X-Request-Id': { schema: { type: 'string' as const } },
};

const ApiNotModified = ApiResponse({
  status: 304,
  description: 'The body is the one that If-None-Match names.',
  headers: CACHE_HEADERS,
});

const PRICE_BOUND = { type: 'string' as const, pattern: PRICE_BOUND_PATTERN.source };

const LIST_PARAMETERS: ApiQueryOptions[] = [
  {
    name: 'limit',
    description: 'Maximum number of products on the page.',
    schema: { type: 'integer', minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT },
  },
  {
    name: 'sort',
    description:
      'The field to sort by. Ties are ordered by id, in the same direction. Names sort by the Unicode root collation.',
    schema: { type: 'string', enum: [...SORTS], default: 'id' },
  },
  {
    name: 'order',
    description: 'Direction of the sort.',
    schema: { type: 'string', enum: [...ORDERS], default: 'asc' },
  },
  {
    name: 'category',
    description: 'Only products of exactly this category.',
    schema: {
      type: 'string',
      minLength: 1,
      maxLength: CATEGORY_MAX_LENGTH,
      example: 'Leafy Greens',
    },
  },
  {
    name: 'minPrice',
    description: `Lowest price, inclusive: 0 to ${MAX_PRICE}, at most two decimal places.`,
    schema: { ...PRICE_BOUND, example: '50' },
  },
  {
    name: 'maxPrice',
    description: 'Highest price, inclusive; not below minPrice.',
    schema: { ...PRICE_BOUND, example: '99.50' },
  },
  {
    name: 'cursor',
    description: `The nextCursor of the previous page; without it, the first page. In the default sort it is the plain id of the last product seen (0 to ${MAX_ID}, valid in both directions). In the other sorts it is an opaque token that belongs to one sort and order.`,
    schema: { type: 'string', minLength: 1, maxLength: CURSOR_MAX_LENGTH },
    examples: {
      // The page at /docs fills in the first example.
      first: { summary: 'The first page', value: '' },
      id: { summary: 'In the default sort: the id of the last product seen', value: '20' },
      token: {
        summary: 'In another sort: the nextCursor of the previous page',
        value: 'WyJwcmljZSIsImFzYyIsIjQ5LjUwIiwiMjAiXQ',
      },
    },
  },
];

/** Documents `GET /api/products`. */
export function ApiListProducts(): MethodDecorator {
  const instance = '/api/products';
  return applyDecorators(
    ApiOperation({
      operationId: 'listProducts',
      summary: 'List the products, page by page',
      description:
        'Follow nextCursor (or the Link header) to the end to get every product that existed throughout exactly once, even when products are added or deleted meanwhile.',
    }),
    ...LIST_PARAMETERS.map((parameter) => ApiQuery({ required: false, ...parameter })),
    ApiOkResponse({
      type: ProductPageDto,
      description: 'The page.',
      headers: {
        ...CACHE_HEADERS,
        Link: {
          description: 'The next page, as a relative reference; absent on the last page.',
          schema: { type: 'string', example: '</api/products?limit=20&cursor=20>; rel="next"' },
        },
      },
    }),
    ApiNotModified,
    ApiProblem('The request is not valid.', {
      'validation-failed': {
        detail: `must be an integer from 1 to ${MAX_LIMIT}`,
        instance,
        parameter: 'limit',
      },
      'invalid-cursor': {
        detail: 'it comes from a listing with another sort or order.',
        instance,
        parameter: 'cursor',
      },
      'malformed-request': {
        detail: 'The parameter category is not percent-encoded UTF-8.',
        instance,
      },
    }),
    ApiRateLimited(instance),
    ApiUnavailable(instance),
  );
}

/** Documents `GET /api/products/:id`. */
export function ApiGetProduct(): MethodDecorator {
  const instance = '/api/products/21';
  return applyDecorators(
    ApiOperation({ operationId: 'getProduct', summary: 'Get one product' }),
    ApiId('21', (id) => `/api/products/${id}`),
    ApiOkResponse({ type: ProductDto, description: 'The product.', headers: CACHE_HEADERS }),
    ApiNotModified,
    ApiProblem('No product has this id.', {
      'not-found': { detail: 'There is no product with the id 21.', instance },
    }),
    ApiRateLimited(instance),
    ApiUnavailable(instance),
  );
}

function ApiUnavailable(instance: string): MethodDecorator {
  return ApiProblem('The database does not answer, and no older response is cached.', {
    'dependency-unavailable': { detail: 'The catalog does not answer.', instance },
    overloaded: { detail: 'The service has too many requests right now.', instance },
  });
}
