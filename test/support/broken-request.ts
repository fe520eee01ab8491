import * as fc from 'fast-check';

import { bytesOf, type HostileRequest } from './hostile-request.js';

/** The path of the request that is hidden in another. */
export const SMUGGLED_PATH = '/smuggled';

const SMUGGLED = `GET ${SMUGGLED_PATH} HTTP/1.1\r\nHost: x\r\n\r\n`;
const POST = 'POST /api/webhooks/catalog HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';
const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n\r\n`;

const LENGTHS = [
  '4\r\nContent-Length: 5',
  '4\r\nContent-Length: 4',
  '4, 4',
  '+4',
  '-1',
  '0x4',
  '4 4',
];
const CODINGS = ['xchunked', 'identity', 'chunked, identity', '\x0bchunked', 'chunked\x00', ', x'];
const METHODS = ['get', 'G\x00T', 'GET\t', 'G(T', 'FOO', 'PRI', ' GET', '{"a":1}', 'GET GET'];
const TARGETS = ['a b', 'x', 'x.y:80', '/\xff', '/\x00', '/\x7f', '/\t', '', '/é'];
const VERSIONS = ['HTTP/1.2', 'HTTP/9.9', 'HTTP/1', 'HTTX/1.1', 'http/1.1', 'HTTP/11', 'HTTP/-1.1'];
const LINES = [
  ...[
    'X-A: b\r\n c',
    'X-A: b\r\n\tc',
    'X-A: b\nX-B: c',
    'X-A: b\rX-B: c',
    'X-A: b\x00',
    'X-A: \x1b',
  ],
  ...['X-A : b', 'X-A', ': b', 'X A: b', 'X(A: b', '\xe9: b', '"X-A": b', ' X-A: b', 'X-\x00: b'],
];
const CHUNKS = ['zz', '-1', '+2', '0x2', 'f'.repeat(17), '', '2 2', `2;${'a'.repeat(17_000)}`, '1'];

/** Bytes that are not an HTTP request, followed by a hidden request that must get no response. */
export const brokenRequest: fc.Arbitrary<Buffer> = fc
  .oneof(
    fc
      .tuple(fc.integer({ min: 0, max: 99 }), fc.boolean())
      .map(([length, first]) =>
        first
          ? `${POST}Content-Length: ${length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`
          : `${POST}Transfer-Encoding: chunked\r\nContent-Length: ${length}\r\n\r\n0\r\n\r\n`,
      ),
    fc.constantFrom(...LENGTHS).map((length) => `${POST}Content-Length: ${length}\r\n\r\nabcde`),
    fc
      .constantFrom(...CODINGS)
      .map((coding) => `${POST}Transfer-Encoding: ${coding}\r\n\r\n0\r\n\r\n`),
    fc.constantFrom(...METHODS).map((method) => `${method} / HTTP/1.1\r\nHost: x\r\n\r\n`),
    fc.constantFrom(...TARGETS).map((target) => `GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`),
    fc.constantFrom(...VERSIONS).map((version) => `GET / ${version}\r\nHost: x\r\n\r\n`),
    fc.constantFrom(...LINES).map((line) => `GET / HTTP/1.1\r\nHost: x\r\n${line}\r\n\r\n`),
    fc.constantFrom(
      'GET / HTTP/1.1\nHost: x\n\n',
      'GET / HTTP/1.1\rHost: x\r\r',
      '\x16\x03\x01\x02',
    ),
    fc.constantFrom(...CHUNKS).map((size) => `${CHUNKED}${size}\r\n{}\r\n0\r\n\r\n`),
    fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 40 }).map((text) => `\x7f${text}`),
  )
  .map((text) => Buffer.from(text + SMUGGLED, 'latin1'));

/** Requests with bytes removed, inserted or changed: some are still valid, some are incomplete. */
export function mangledRequest(request: fc.Arbitrary<HostileRequest>): fc.Arbitrary<Buffer> {
  return fc
    .tuple(
      // The length of a response to HEAD or CONNECT would be unknown.
      request.filter(({ method }) => method !== 'HEAD'),
      fc.array(fc.tuple(fc.nat(), fc.constantFrom(0, 1, 2), fc.uint8Array({ maxLength: 4 })), {
        minLength: 1,
        maxLength: 3,
      }),
    )
    .map(([whole, wounds]) =>
      wounds.reduce((bytes, [place, removed, put]) => {
        const at = place % bytes.length;
        return Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + removed)]);
      }, bytesOf(whole)),
    );
}
