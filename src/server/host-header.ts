import type { IncomingMessage } from 'node:http';

/** Whether a request names one host, or none where HTTP was too young for that (RFC 9112, section 3.2). */
export function hasValidHostHeader({ rawHeaders, httpVersion }: IncomingMessage): boolean {
  let hosts = 0;
  // Names and values by turns. Node's `headers` keep the first of two.
  for (let nth = 0; nth < rawHeaders.length; nth += 2) {
    const name = rawHeaders[nth];
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  return hosts === 1 || (hosts === 0 && httpVersion !== '1.1');
}
