import { Controller, HttpCode, Post, Query, Req, UseGuards } from '@nestjs/common';
import {
  ApiBody,
  ApiExtraModels,
  ApiHeader,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
  getSchemaPath,
} from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';

import { NoQueryPipe } from '../http/no-query.pipe.js';
import { ApiProblem } from '../problems/problem.dto.js';
import { ApiRateLimited } from '../throttling/api-rate-limited.js';
import { Unlimited } from '../throttling/unlimited.js';
import { DeletedProduct, EVENT_TYPES, UpsertedProduct } from './catalog-event.js';
import { EventStatusDto } from './event-status.dto.js';
import { SignatureGuard } from './signature.guard.js';
import { signedMessage } from './signed-message.js';
import { WebhooksService } from './webhooks.service.js';

const instance = '/api/webhooks/catalog';
const timestamp = { type: 'string' as const, format: 'date-time', example: '2026-11-23T06:30:00Z' };

@ApiTags('webhooks')
@Controller('api/webhooks')
@Unlimited(true)
@UseGuards(SignatureGuard)
export class WebhooksController {
  constructor(private readonly webhooks: WebhooksService) {}

  @Post('catalog')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'receiveCatalogEvent',
    summary: 'A catalogue change from a partner',
    description:
      'Signed as Standard Webhooks 1.0.0 has it, over the raw bytes of the body (at most 256 KiB). Send an event again, under its webhook-id, until it is answered with a 2xx; it is applied once.',
  })
  @ApiHeader({
    name: 'webhook-id',
    description:
      'Names the event: 1 to 255 visible ASCII characters, the same whenever it is sent.',
    required: true,
    schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[!-~]+$' },
    example: 'msg_2KWPBgLlAfxdpx2AI54pPJ85f4W',
  })
  @ApiHeader({
    name: 'webhook-timestamp',
    description: 'When it is sent: seconds since the epoch, at most five minutes off.',
    required: true,
    schema: { type: 'string', pattern: '^[0-9]{1,12}$' },
    example: '1795415400',
  })
  @ApiHeader({
    name: 'webhook-signature',
    description:
      'Signatures separated by spaces, or in several lines, each v1 and the base64 of an HMAC-SHA256. One that matches suffices.',
    required: true,
    schema: { type: 'string', maxLength: 16_000 },
    example: 'v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=',
  })
  @ApiExtraModels(UpsertedProduct, DeletedProduct)
  @ApiBody({
    required: true,
    schema: {
      oneOf: [
        {
          type: 'object',
          required: ['type', 'timestamp', 'data'],
          properties: {
            type: { type: 'string', enum: ['product.upserted'] },
            timestamp,
            data: { $ref: getSchemaPath(UpsertedProduct) },
          },
        },
        {
          type: 'object',
          required: ['type', 'timestamp', 'data'],
          properties: {
            type: { type: 'string', enum: ['product.deleted'] },
            timestamp,
            data: { $ref: getSchemaPath(DeletedProduct) },
          },
        },
        {
          type: 'object',
          description: 'Any other type: recorded and ignored.',
          required: ['type'],
          properties: {
            type: { type: 'string', minLength: 1, maxLength: 200, not: { enum: [...EVENT_TYPES] } },
          },
        },
      ],
    },
  })
  @ApiOkResponse({ type: EventStatusDto, description: 'It is taken: do not send it again.' })
  @ApiProblem('The body is not JSON, or it has a __proto__ or a constructor.prototype in it.', {
    'malformed-request': {
      detail: 'The body is not JSON in UTF-8, or has a __proto__ or a constructor.prototype in it.',
      instance,
    },
  })
  @ApiProblem('The message is not signed, or too old. Nothing is recorded.', {
    'invalid-signature': {
      detail: 'No signature in webhook-signature matches this message.',
      instance,
    },
  })
  @ApiProblem('The same event is being processed: send it again later.', {
    'event-in-progress': {
      detail: 'The event is being processed; send it again later.',
      instance,
    },
  })
  @ApiProblem('The body is larger than 256 KiB.', {
    'payload-too-large': { detail: 'The body is larger than this resource takes.', instance },
  })
  @ApiProblem('The body is not application/json, or compressed.', {
    'unsupported-media-type': { detail: 'The body has to be application/json.', instance },
  })
  @ApiProblem('The event is not valid, or its id belongs to another one. Nothing is recorded.', {
    'event-id-reused': {
      detail: 'An event with this webhook-id and another body was taken before.',
      instance,
    },
    'validation-failed': {
      detail: 'has to be an integer from 0 to 9007199254740991',
      instance,
      parameter: 'data.revision',
      status: 422,
    },
  })
  @ApiRateLimited(instance)
  @ApiProblem(
    'PostgreSQL does not answer, there is too much to do, or no secret is configured: send it again.',
    {
      'dependency-unavailable': { detail: 'The catalogue does not answer.', instance },
      overloaded: { detail: 'Too many events wait to be written right now.', instance },
    },
  )
  async receive(
    @Query(NoQueryPipe) _query: Record<string, string>,
    @Req() request: FastifyRequest,
  ): Promise<EventStatusDto> {
    return new EventStatusDto(
      await this.webhooks.receive(signedMessage(request), request.arrivedAt),
    );
  }
}
