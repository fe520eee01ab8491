import { Injectable, type PipeTransform } from '@nestjs/common';

import { decodeQuery, type QueryString } from './query-string.js';

/** Refuses any query parameter, for a resource that has none: a misspelt wish is better told than ignored. */
@Injectable()
export class NoQueryPipe implements PipeTransform<QueryString, Record<string, string>> {
  transform(queryString: QueryString): Record<string, string> {
    return decodeQuery(queryString, []);
  }
}
