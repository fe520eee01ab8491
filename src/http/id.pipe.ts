import { Injectable, type PipeTransform } from '@nestjs/common';

import { validationFailed } from '../problems/problem.js';
import { isId } from './product-values.js';

/** Lets a product's id pass and nothing else. */
@Injectable()
export class ProductIdPipe implements PipeTransform<string, string> {
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
