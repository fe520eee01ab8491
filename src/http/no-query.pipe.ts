import { Injectable, type PipeTransform } from '@nestjs/common';

import { decodeQuery, type QueryString } from './query-string.js';

/** Rejects every query parameter, for a resource without any: ignoring one would hide a client's mistake. */
@Injectable()
export class NoQueryPipe implements PipeTransform<QueryString, Record<string, string>> {
  transform(queryString: QueryString): Record<string, string> {
    return decodeQuery(queryString, []);
  }
}
