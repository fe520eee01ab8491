import { applyDecorators } from '@nestjs/common';
import {
  ApiExtraModels,
  ApiProperty,
  ApiPropertyOptional,
  ApiResponse,
  getSchemaPath,
} from '@nestjs/swagger';

import { PROBLEM_TYPES, type ProblemSlug } from './problem-types.js';

/** An error in one parameter. */
export class ParameterFaultDto {
  @ApiProperty({ example: 'limit' })
  readonly parameter!: string;

  @ApiProperty({ example: 'must be an integer from 1 to 100' })
  readonly message!: string;
}

/** An RFC 9457 problem: the body of every error. */
export class ProblemDto {
  @ApiProperty({
    format: 'uri',
    enum: Object.keys(PROBLEM_TYPES).map((slug) => `urn:problem-type:farmlokal:${slug}`),
  })
  readonly type!: string;

  @ApiProperty({ example: PROBLEM_TYPES['validation-failed'].title })
  readonly title!: string;

  @ApiProperty({ type: 'integer', minimum: 400, maximum: 599, example: 400 })
  readonly status!: number;

  @ApiProperty({ example: 'limit: must be an integer from 1 to 100' })
  readonly detail!: string;

  @ApiProperty({ example: '/api/products', description: "The request's path." })
  readonly instance!: string;

  @ApiProperty({
    example: 'f1c3cdb4-6d3b-4b33-9d2a-0a1f6f3f2a10',
    description: 'The same as X-Request-Id.',
  })
  readonly requestId!: string;

  @ApiPropertyOptional({
    type: [ParameterFaultDto],
    description: 'The parameters that are not valid.',
  })
  readonly errors?: ParameterFaultDto[];
}

interface ProblemExample {
  readonly detail: string;
  readonly instance: string;
  readonly parameter?: string;
  /** Default: the status of the type. */
  readonly status?: number;
}

/** Statuses of responses with `Retry-After`. */
const RETRYABLE = new Set([409, 429, 503]);

/** Documents the problems of a status, with an example of each. */
export function ApiProblem(
  description: string,
  examples: Partial<Record<ProblemSlug, ProblemExample>>,
): MethodDecorator {
  const bodies = Object.entries(examples).map(
    ([slug, { detail, instance, parameter, ...example }]) => {
      const { title, ...type } = PROBLEM_TYPES[slug as ProblemSlug];
      const status = example.status ?? type.status;
      const value = {
        type: `urn:problem-type:farmlokal:${slug}`,
        title,
        status,
        detail: parameter === undefined ? detail : `${parameter}: ${detail}`,
        instance,
        requestId: 'f1c3cdb4-6d3b-4b33-9d2a-0a1f6f3f2a10',
        ...(parameter === undefined ? {} : { errors: [{ parameter, message: detail }] }),
      };
      return { slug, status, value };
    },
  );
  const retryable = bodies.some(({ status }) => RETRYABLE.has(status));
  return applyDecorators(
    ApiExtraModels(ProblemDto),
    ApiResponse({
      status: bodies[0]?.status ?? 'default',
      description,
      headers: {
        'X-Request-Id': {
          description: 'Identifies the request. The log has an internal error under it.',
          schema: { type: 'string' },
        },
        ...(retryable
          ? { 'Retry-After': { description: 'Seconds.', schema: { type: 'integer' } } }
          : {}),
      },
      content: {
        'application/problem+json': {
          schema: { $ref: getSchemaPath(ProblemDto) },
          examples: Object.fromEntries(bodies.map(({ slug, value }) => [slug, { value }])),
        },
      },
    }),
  );
}
