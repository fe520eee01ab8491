import { applyDecorators } from '@nestjs/common';
import { ApiParam } from '@nestjs/swagger';

import { ApiProblem } from '../problems/problem.dto.js';
import { ID_PATTERN, INVALID_ID, MAX_ID } from './id.pipe.js';

/**
 * Documents the path parameter `id` and the responses to an invalid id.
 *
 * @param pathOf the path of the resource with an id.
 */
export function ApiId(example: string, pathOf: (id: string) => string): MethodDecorator {
  return applyDecorators(
    ApiParam({
      name: 'id',
      description: `An integer from 0 to ${MAX_ID}.`,
      schema: { type: 'string', pattern: ID_PATTERN, example },
    }),
    ApiProblem('The request is not valid.', {
      'validation-failed': { detail: INVALID_ID, instance: pathOf('abc'), parameter: 'id' },
    }),
    ApiProblem('The id is longer than 100 characters.', {
      'malformed-request': {
        detail: 'A part of the path is too long.',
        instance: pathOf('000…'),
        status: 414,
      },
    }),
  );
}
