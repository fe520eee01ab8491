import { Controller, Get, Param, Query, Req, Res } from '@nestjs/common';
import {
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiQuery,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';

import { IdPipe } from '../http/id.pipe.js';
import { NoQueryPipe } from '../http/no-query.pipe.js';
import type { QueryString } from '../http/query-string.js';
import { ApiProblem } from '../problems/problem.dto.js';
import { ApiRateLimited } from '../throttling/api-rate-limited.js';
import { reply } from '../response-cache/conditional-reply.js';
import { ListQueryParser } from './list-query-parser.js';
import { ListingQuery } from './listing-query.js';
import { ProductDto, ProductPageDto } from './product.dto.js';
import { ProductsService } from './products.service.js';

const CACHE_HEADERS = {
  ETag: { description: 'A strong tag of the bytes.', schema: { type: 'string' as const } },
  'Cache-Control': { schema: { type: 'string' as const, example: 'public, no-cache' } },
  'X-Cache': { schema: { type: 'string' as const, enum: ['HIT', 'MISS', 'STALE'] } },
  Age: {
    description: 'Seconds since the answer was read; absent on a MISS.',
    schema: { type: 'integer' as const },
  },
  'X-Request-Id': { schema: { type: 'string' as const } },
};

const NOT_MODIFIED = {
  status: 304,
  description: 'The client has these bytes already (If-None-Match).',
  headers: CACHE_HEADERS,
};

@ApiTags('products')
@Controller('api/products')
export class ProductsController {
  constructor(
    private readonly products: ProductsService,
    private readonly listings: ListQueryParser,
  ) {}

  @Get()
  @ApiOperation({
    operationId: 'listProducts',
    summary: 'A page of the catalogue',
    description:
      'Follow nextCursor (or the Link header) to the end to see every product that stood throughout exactly once, whatever is added or removed meanwhile.',
  })
  @ApiQuery({ type: ListingQuery })
  @ApiOkResponse({
    type: ProductPageDto,
    description: 'The page.',
    headers: {
      ...CACHE_HEADERS,
      Link: {
        description: 'The next page, as a relative reference; absent on the last page.',
        schema: { type: 'string', example: '</api/products?limit=20&cursor=20>; rel="next"' },
      },
    },
  })
  @ApiResponse(NOT_MODIFIED)
  @ApiProblem('The request is not valid.', {
    'validation-failed': {
      detail: 'has to be an integer from 1 to 100',
      instance: '/api/products',
      parameter: 'limit',
    },
    'invalid-cursor': {
      detail: 'it comes from a listing with another sort or order.',
      instance: '/api/products',
      parameter: 'cursor',
    },
    'malformed-request': {
      detail: 'The parameter category is not percent-encoded UTF-8.',
      instance: '/api/products',
    },
  })
  @ApiRateLimited('/api/products')
  @ApiProblem('PostgreSQL does not answer and no older page is at hand.', {
    'dependency-unavailable': {
      detail: 'The catalogue does not answer.',
      instance: '/api/products',
    },
    overloaded: {
      detail: 'The catalogue has too many requests right now.',
      instance: '/api/products',
    },
  })
  list(
    @Query() query: QueryString,
    @Req() request: FastifyRequest,
    @Res() response: FastifyReply,
  ): void | Promise<void> {
    return reply(
      this.products.list(this.listings.read(query), request.arrivedAt),
      request,
      response,
    );
  }

  @Get(':id')
  @ApiOperation({ operationId: 'getProduct', summary: 'One product' })
  @ApiParam({
    name: 'id',
    description: 'An integer from 0 to 9223372036854775807.',
    schema: { type: 'string', pattern: '^(0|[1-9][0-9]{0,18})$', example: '21' },
  })
  @ApiOkResponse({ type: ProductDto, description: 'The product.', headers: CACHE_HEADERS })
  @ApiResponse(NOT_MODIFIED)
  @ApiProblem('The request is not valid.', {
    'validation-failed': {
      detail: 'has to be an integer from 0 to 9223372036854775807',
      instance: '/api/products/abc',
      parameter: 'id',
    },
  })
  @ApiProblem('The id is longer than 100 characters.', {
    'malformed-request': {
      detail: 'A part of the path is too long.',
      instance: '/api/products/000…',
      status: 414,
    },
  })
  @ApiProblem('There is no such product.', {
    'not-found': {
      detail: 'There is no product with the id 21.',
      instance: '/api/products/21',
    },
  })
  @ApiRateLimited('/api/products/21')
  @ApiProblem('PostgreSQL does not answer and no older answer is at hand.', {
    'dependency-unavailable': {
      detail: 'The catalogue does not answer.',
      instance: '/api/products/21',
    },
    overloaded: {
      detail: 'The catalogue has too many requests right now.',
      instance: '/api/products/21',
    },
  })
  find(
    @Param('id', IdPipe) id: string,
    @Query(NoQueryPipe) _query: Record<string, string>,
    @Req() request: FastifyRequest,
    @Res() response: FastifyReply,
  ): void | Promise<void> {
    return reply(this.products.find(id, request.arrivedAt), request, response);
  }
}
