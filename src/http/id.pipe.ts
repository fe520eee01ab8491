import { Injectable, type PipeTransform } from '@nestjs/common';

import { validationFailed } from '../problems/problem.js';

/** Highest id that PostgreSQL's bigint holds. */
const MAX_ID = 2n ** 63n - 1n;

/** Whether a text is the id of a row: plain digits, within a bigint. */
export function isId(text: string): boolean {
  return /^(0|[1-9]\d{0,18})$/.test(text) && BigInt(text) <= MAX_ID;
}

/** Lets the id of a row pass and nothing else. */
@Injectable()
export class IdPipe implements PipeTransform<string, string> {
  transform(id: string): string {
    if (!isId(id)) {
      throw validationFailed({
        parameter: 'id',
        message: 'has to be an integer from 0 to 9223372036854775807',
      });
    }
    return id;
  }
}
