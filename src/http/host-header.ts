import type { IncomingMessage } from 'node:http';

/** Whether a request names one host, or none where HTTP was too young for that (RFC 9112, section 3.2). */
export function namesItsHost({ rawHeaders, httpVersion }: IncomingMessage): boolean {
  // Names and values by turns. Node's `headers` keep the first of two.
  const hosts = rawHeaders.filter(
    (text, nth) => nth % 2 === 0 && text.length === 4 && text.toLowerCase() === 'host',
  );
  return hosts.length === 1 || (hosts.length === 0 && httpVersion !== '1.1');
}
