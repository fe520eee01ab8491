import { Controller, Get, Param, Query, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';

import { IdPipe } from '../http/id.pipe.js';
import { NoQueryPipe } from '../http/no-query.pipe.js';
import { traceOf } from '../http/trace-context.js';
import { AvailabilityDto } from './availability.dto.js';
import { ApiAvailability } from './availability.openapi.js';
import { AvailabilityService } from './availability.service.js';

@ApiTags('availability')
@Controller('api/products')
export class AvailabilityController {
  constructor(private readonly availability: AvailabilityService) {}

  @Get(':id/availability')
  @ApiAvailability()
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
