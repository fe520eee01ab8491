import * as fc from 'fast-check';

/** A header field. */
export type Header = readonly [name: string, value: string];

/** More than the 16 KiB that Node accepts for a head. */
const OVERSIZED = 17_000;

/** Header fields that may confuse a server. */
const HEADERS: readonly (readonly [name: string, values: readonly string[]])[] = [
  ['accept', ['*/*', 'application/json', 'text/html', ',;', '*/*;q=0', 'a/b, '.repeat(100)]],
  ['accept-encoding', ['gzip', 'br;q=1.0, *;q=0', 'identity;q=0', ',']],
  ['accept-language', ['hi-IN', '*', 'x'.repeat(500)]],
  ['accept-version', ['1.0.0', '*', 'x']],
  ['access-control-request-headers', ['x-a', '*', ',']],
  ['access-control-request-method', ['GET', 'DELETE', 'x']],
  ['authorization', ['Basic', 'Basic !!!', 'Basic Og==', 'Bearer', 'Bearer x', 'Digest x="', '']],
  ['connection', ['close', 'keep-alive', 'keep-alive, close', 'upgrade', 'x-a', ',']],
  ['content-encoding', ['gzip', 'br', 'identity', 'gzip, gzip', '']],
  ['content-type', ['application/json', 'application/json; charset=utf-16', 'APPLICATION/JSON']],
  ['content-type', ['application/json;', 'text/plain', 'multipart/form-data; boundary=x', '/', '']],
  ['cookie', ['a=b', '__proto__=x', ';;=', 'a='.repeat(500)]],
  ['expect', ['100-continue', '200-ok', '']],
  ['forwarded', ['for="[::1]:1";proto=https', 'for=', 'x']],
  ['if-match', ['*', '"x"', 'x']],
  ['if-modified-since', ['Mon, 23 Nov 2099 06:30:00 GMT', '0', 'x']],
  ['if-none-match', ['*', '"x"', 'W/"x"', '"a", "b"', '"', ',', '', '"x", '.repeat(300)]],
  ['if-unmodified-since', ['Mon, 01 Jan 2001 00:00:00 GMT', 'x']],
  ['origin', ['https://shop.example', 'https://evil.example', 'null', '']],
  ['range', ['bytes=0-0', 'bytes=-1', 'bytes=5-3', `bytes=${'9'.repeat(30)}-`, 'bytes=0-0,x-']],
  ['te', ['trailers', 'chunked', 'x']],
  ['traceparent', ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', '00-0-0-0', '']],
  ['tracestate', ['a=b', ',', 'x'.repeat(600)]],
  ['upgrade', ['websocket', 'h2c', 'x']],
  ['user-agent', ['', '() { :; }; x', '${jndi:ldap://127.0.0.1/x}']],
  ['webhook-id', ['one', 'a b', '', 'x'.repeat(256)]],
  ['webhook-signature', ['v1,', 'v1', 'v1a,x', 'v1, '.repeat(50), '']],
  ['webhook-timestamp', ['0', '-1', '1e9', '9'.repeat(12), '9'.repeat(400), '']],
  ['x-forwarded-for', ['127.0.0.1', '::1', '1.2.3.4, 5.6.7.8', 'fe80::1%eth0', '1,'.repeat(500)]],
  ['x-forwarded-host', ['evil.example', 'a, b', '']],
  ['x-forwarded-proto', ['https', 'x', '']],
  ['x-http-method-override', ['DELETE', 'x']],
  ['x-request-id', ['order-17', 'a b', '<script>', '"', '', 'x'.repeat(100), 'x'.repeat(101)]],
  ['__proto__', ['x']],
  ['constructor', ['x']],
];

/** Valid header values, one byte per character. */
const headerValue = fc
  .tuple(
    fc.string({ unit: 'grapheme-ascii', maxLength: 300 }),
    fc.constantFrom('', '\t\xe9', '\xff'),
  )
  .map(([text, end]) => (text + end).trim());

const header: fc.Arbitrary<Header> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .constantFrom(...HEADERS)
      .chain(([name, values]) => fc.tuple(fc.constant(name), fc.constantFrom(...values))),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constantFrom(...HEADERS.map(([name]) => name)), headerValue),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.stringMatching(/^x-[!#$&'*+.^_`|~\w-]{1,30}$/), headerValue),
  },
);

/** A few header fields, many, or one that exceeds the limit of the head. */
export const hostileHeaders: fc.Arbitrary<readonly Header[]> = fc.oneof(
  { weight: 60, arbitrary: fc.array(header, { maxLength: 4 }) },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 50, max: 1000 })
      .map((count) => Array.from({ length: count }, (_, nth): Header => [`x${nth}`, '1'])),
  },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: OVERSIZED, max: 2 * OVERSIZED })
      .map((length): Header[] => [['x-a', 'x'.repeat(length)]]),
  },
);
