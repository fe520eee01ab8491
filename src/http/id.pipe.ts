import { Injectable, type PipeTransform } from '@nestjs/common';

import { validationFailed } from '../problems/problem.js';

/** The maximum of PostgreSQL's bigint. */
export const MAX_ID = 2n ** 63n - 1n;

/** The format of an id, for the OpenAPI document. It allows some numbers above the maximum. */
export const ID_PATTERN = '^(0|[1-9][0-9]{0,18})$';
/** The message for an invalid id. */
export const INVALID_ID = `must be an integer from 0 to ${MAX_ID}`;

const PATTERN = new RegExp(ID_PATTERN);

/** Whether a text is an id: decimal digits without leading zeros, at most 2^63−1. */
export function isId(text: string): boolean {
  return PATTERN.test(text) && BigInt(text) <= MAX_ID;
}

/** Rejects a path parameter that is not an id. */
@Injectable()
export class IdPipe implements PipeTransform<string, string> {
  transform(id: string): string {
    if (!isId(id)) {
      throw validationFailed({ parameter: 'id', message: INVALID_ID });
    }
    return id;
  }
}
