import { Controller, Get, Param, Query, Req, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';

import { IdPipe } from '../http/id.pipe.js';
import { NoQueryPipe } from '../http/no-query.pipe.js';
import { traceOf } from '../http/trace-context.js';
import { ApiProblem } from '../problems/problem.dto.js';
import { ApiRateLimited } from '../throttling/api-rate-limited.js';
import { AvailabilityDto } from './availability.dto.js';
import { AvailabilityService } from './availability.service.js';

@ApiTags('availability')
@Controller('api/products')
export class AvailabilityController {
  constructor(private readonly availability: AvailabilityService) {}

  @Get(':id/availability')
  @ApiOperation({
    operationId: 'getAvailability',
    summary: 'Live stock of a product',
    description:
      'Asks the inventory and answers within a deadline. When it cannot be asked, its last answer of the past day is given with stale: true.',
  })
  @ApiParam({
    name: 'id',
    description: 'An integer from 0 to 9223372036854775807.',
    schema: { type: 'string', pattern: '^(0|[1-9][0-9]{0,18})$', example: '40' },
  })
  @ApiOkResponse({
    type: AvailabilityDto,
    description: 'The stock.',
    headers: {
      Age: {
        description: 'Seconds since the inventory said so; only where stale is true.',
        schema: { type: 'integer' },
      },
      'X-Request-Id': { schema: { type: 'string' } },
    },
  })
  @ApiProblem('The request is not valid.', {
    'validation-failed': {
      detail: 'has to be an integer from 0 to 9223372036854775807',
      instance: '/api/products/abc/availability',
      parameter: 'id',
    },
  })
  @ApiProblem('The id is longer than 100 characters.', {
    'malformed-request': {
      detail: 'A part of the path is too long.',
      instance: '/api/products/000…/availability',
      status: 414,
    },
  })
  @ApiProblem('There is no such product, or the inventory does not know it.', {
    'not-found': {
      detail: 'The inventory does not know the product 40.',
      instance: '/api/products/40/availability',
    },
  })
  @ApiRateLimited('/api/products/40/availability')
  @ApiProblem(
    'There is no answer in time, and none of the past day; or no inventory is configured.',
    {
      'dependency-unavailable': {
        detail: 'The inventory does not answer.',
        instance: '/api/products/40/availability',
      },
      overloaded: {
        detail: 'Too many requests wait for the inventory right now.',
        instance: '/api/products/40/availability',
      },
    },
  )
  async find(
    @Param('id', IdPipe) id: string,
    @Query(NoQueryPipe) _query: Record<string, string>,
    @Req() { headers, arrivedAt }: FastifyRequest,
    @Res({ passthrough: true }) response: FastifyReply,
  ): Promise<AvailabilityDto> {
    const availability = await this.availability.find(id, arrivedAt, traceOf(headers));
    if (availability.stale) {
      const { receivedAt } = availability.stock;
      response.header('Age', Math.max(0, Math.floor((Date.now() - receivedAt) / 1000)));
    }
    return new AvailabilityDto(availability);
  }
}
