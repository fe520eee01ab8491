import { applyDecorators } from '@nestjs/common';
import {
  ApiBody,
  ApiExtraModels,
  ApiHeader,
  ApiOkResponse,
  ApiOperation,
  getSchemaPath,
} from '@nestjs/swagger';

import { ApiProblem } from '../problems/problem.dto.js';
import { ApiRateLimited } from '../throttling/api-rate-limited.js';
import { EVENT_TYPES, MAX_TYPE_LENGTH } from './catalog-event.js';
import { DeletedProduct, UpsertedProduct } from './catalog-event.dto.js';
import { EventStatusDto } from './event-status.dto.js';

const instance = '/api/webhooks/catalog';

/** Documents `POST /api/webhooks/catalog`. */
export function ApiReceiveEvent(): MethodDecorator {
  return applyDecorators(
    ApiOperation({
      operationId: 'receiveCatalogEvent',
      summary: 'Receive a catalog change from a partner',
      description:
        'The message is signed according to Standard Webhooks 1.0.0, over the raw bytes of the body (at most 256 KiB). Send an event again, with the same webhook-id, until the response is a 2xx. It is applied exactly once.',
    }),
    // Swagger lists the headers in reverse order.
    ApiHeader({
      name: 'webhook-signature',
      description:
        'Signatures separated by spaces, in one header or in several. Each is v1, a comma and the base64 of an HMAC-SHA256. One match is enough.',
      required: true,
      schema: { type: 'string', maxLength: 16_000 },
      example: 'v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=',
    }),
    ApiHeader({
      name: 'webhook-timestamp',
      description: 'When the message is sent: seconds since 1970, within five minutes of now.',
      required: true,
      schema: { type: 'string', pattern: '^[0-9]{1,12}$' },
      example: '1795415400',
    }),
    ApiHeader({
      name: 'webhook-id',
      description:
        'The id of the event: 1 to 255 visible ASCII characters, the same in every retry.',
      required: true,
      schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[!-~]+$' },
      example: 'msg_2KWPBgLlAfxdpx2AI54pPJ85f4W',
    }),
    ApiExtraModels(UpsertedProduct, DeletedProduct),
    ApiBody({
      required: true,
      schema: {
        oneOf: [
          eventSchema('product.upserted', UpsertedProduct),
          eventSchema('product.deleted', DeletedProduct),
          {
            type: 'object',
            description: 'An event of any other type is recorded and ignored.',
            required: ['type'],
            properties: {
              type: {
                type: 'string',
                minLength: 1,
                maxLength: MAX_TYPE_LENGTH,
                not: { enum: [...EVENT_TYPES] },
              },
            },
          },
        ],
      },
    }),
    ApiOkResponse({ type: EventStatusDto, description: 'The event is accepted. Do not retry.' }),
    ApiProblem('The body is not JSON in UTF-8, or contains __proto__ or constructor.prototype.', {
      'malformed-request': {
        detail: 'The body is not JSON in UTF-8, or contains __proto__ or constructor.prototype.',
        instance,
      },
    }),
    ApiProblem(
      'The signature is missing or wrong, or the timestamp is more than five minutes off. Nothing is recorded.',
      {
        'invalid-signature': {
          detail: 'No signature in webhook-signature matches this message.',
          instance,
        },
      },
    ),
    ApiProblem('Another request is processing the event. Retry later.', {
      'event-in-progress': {
        detail: 'Another request is processing this event. Retry later.',
        instance,
      },
    }),
    ApiProblem('The body is larger than 256 KiB.', {
      'payload-too-large': { detail: 'The body is larger than this resource takes.', instance },
    }),
    ApiProblem('The body is not application/json, or is compressed.', {
      'unsupported-media-type': { detail: 'The body has to be application/json.', instance },
    }),
    ApiProblem(
      'The event is invalid, or another event has the same webhook-id. Nothing is recorded.',
      {
        'event-id-reused': {
          detail: 'An event with this webhook-id and another body was received before.',
          instance,
        },
        'validation-failed': {
          detail: 'must be an integer from 0 to 9007199254740991',
          instance,
          parameter: 'data.revision',
          status: 422,
        },
      },
    ),
    ApiRateLimited(instance),
    ApiProblem(
      'PostgreSQL does not answer, the service is overloaded, or no secret is configured. Retry later.',
      {
        'dependency-unavailable': { detail: 'The catalog does not answer.', instance },
        overloaded: { detail: 'Too many events are waiting to be recorded.', instance },
      },
    ),
  );
}

function eventSchema(
  type: (typeof EVENT_TYPES)[number],
  data: typeof DeletedProduct | typeof UpsertedProduct,
) {
  return {
    type: 'object' as const,
    required: ['type', 'timestamp', 'data'],
    properties: {
      type: { type: 'string' as const, enum: [type] },
      timestamp: {
        type: 'string' as const,
        format: 'date-time',
        example: '2026-11-23T06:30:00Z',
      },
      data: { $ref: getSchemaPath(data) },
    },
  };
}
