import { Controller, HttpCode, Post, Query, Req, UseGuards } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';

import { NoQueryPipe } from '../http/no-query.pipe.js';
import { Unlimited } from '../throttling/unlimited.js';
import { EventStatusDto } from './event-status.dto.js';
import { SignatureGuard } from './signature.guard.js';
import { readSignedMessage } from './signed-message.js';
import { ApiReceiveEvent } from './webhooks.openapi.js';
import { WebhooksService } from './webhooks.service.js';

@ApiTags('webhooks')
@Controller('api/webhooks')
@Unlimited(true)
@UseGuards(SignatureGuard)
export class WebhooksController {
  constructor(private readonly webhooks: WebhooksService) {}

  @Post('catalog')
  @HttpCode(200)
  @ApiReceiveEvent()
  async receive(
    @Query(NoQueryPipe) _query: Record<string, string>,
    @Req() request: FastifyRequest,
  ): Promise<EventStatusDto> {
    const status = await this.webhooks.receive(readSignedMessage(request), request.arrivedAt);
    return new EventStatusDto(status);
  }
}
