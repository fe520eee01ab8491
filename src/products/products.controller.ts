import { Controller, Get, Param, Query, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';

import { IdPipe } from '../http/id.pipe.js';
import { NoQueryPipe } from '../http/no-query.pipe.js';
import type { QueryString } from '../http/query-string.js';
import { reply } from '../response-cache/conditional-reply.js';
import { parseListQuery } from './list-query-parser.js';
import { ApiGetProduct, ApiListProducts } from './products.openapi.js';
import { ProductsService } from './products.service.js';

@ApiTags('products')
@Controller('api/products')
export class ProductsController {
  constructor(private readonly products: ProductsService) {}

  /** Parses the query here instead of in a pipe, because Nest awaits pipes on every request. */
  @Get()
  @ApiListProducts()
  list(
    @Query() query: QueryString,
    @Req() request: FastifyRequest,
    @Res() response: FastifyReply,
  ): void | Promise<void> {
    const listing = parseListQuery(query);
    return reply(this.products.list(listing, request.arrivedAt), request, response);
  }

  @Get(':id')
  @ApiGetProduct()
  find(
    @Param('id', IdPipe) id: string,
    @Query(NoQueryPipe) _query: Record<string, string>,
    @Req() request: FastifyRequest,
    @Res() response: FastifyReply,
  ): void | Promise<void> {
    return reply(this.products.find(id, request.arrivedAt), request, response);
  }
}
