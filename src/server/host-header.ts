import type { IncomingMessage } from 'node:http';

import { Problem } from '../problems/problem.js';

/** Whether a request has one Host header, or none in a version before HTTP/1.1 (RFC 9112, section 3.2). */
export function hasValidHostHeader({ rawHeaders, httpVersion }: IncomingMessage): boolean {
  let hosts = 0;
  // Names at even indexes, values at odd ones. Node's `headers` keep only the first of two.
  for (let nth = 0; nth < rawHeaders.length; nth += 2) {
    const name = rawHeaders[nth];
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  return hosts === 1 || (hosts === 0 && httpVersion !== '1.1');
}

/** The problem of a request without one. */
export function invalidHostHeader(): Problem {
  return new Problem('malformed-request', 'The request has to have one Host header.');
}
