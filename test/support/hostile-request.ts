import * as fc from 'fast-check';
import { METHODS } from 'node:http';

import { hostilePath, hostileQuery, type Target } from './hostile-address.js';
import { hostileBody, largeBody } from './hostile-body.js';
import { type Header, hostileHeaders } from './hostile-headers.js';
import { signatureHeaders } from './signed-event.js';

/** A request with valid HTTP syntax and arbitrary content. */
export interface HostileRequest {
  readonly method: string;
  /** Scheme and host, as in a request to a proxy; mostly empty. */
  readonly origin: string;
  readonly path: string;
  /** With the question mark. */
  readonly query: string;
  readonly headers: readonly Header[];
  readonly body: Buffer;
  /** Bytes of a chunk; 0 for a body with Content-Length. */
  readonly chunk: number;
  /** The event id of the signature; empty for an unsigned body. */
  readonly signedAs: string;
}

/** The Host header, which HTTP/1.1 requires exactly once. */
const host = fc.constantFrom('127.0.0.1', 'localhost:3000', 'evil.example', '[::1]', '', 'a b@c');

/** Valid and invalid requests for these targets. */
export function hostileRequest(
  targets: readonly Target[],
  cursors: readonly string[],
): fc.Arbitrary<HostileRequest> {
  return fc.oneof(
    ...targets.map((target) => ({
      weight: weightOf(target),
      arbitrary: requestFor(target, cursors),
    })),
  );
}

/** Weight of a target: more requests for more complex operations. */
function weightOf({ method, operation }: Target): number {
  return 1 + 2 * (operation?.parameters.length ?? 0) + (method === 'POST' ? 10 : 0);
}

function requestFor(target: Target, cursors: readonly string[]): fc.Arbitrary<HostileRequest> {
  const { method } = target;
  const takesBody = method === 'POST';
  return fc
    .record({
      method: fc.oneof(
        { weight: 12, arbitrary: fc.constant(method) },
        { weight: 1, arbitrary: fc.constant('HEAD') },
        // CONNECT has no path.
        { weight: 1, arbitrary: fc.constantFrom(...METHODS.filter((it) => it !== 'CONNECT')) },
      ),
      origin: fc.oneof(
        { weight: 30, arbitrary: fc.constant('') },
        fc.constantFrom('http://evil.example', 'HTTPS://a:b@[::1]:99'),
      ),
      path: hostilePath(target),
      query: hostileQuery(target, cursors),
      host,
      headers: hostileHeaders,
      body: fc.oneof(
        { weight: takesBody ? 60 : 1, arbitrary: hostileBody },
        { weight: takesBody ? 1 : 12, arbitrary: fc.constant(Buffer.alloc(0)) },
        ...(takesBody ? [{ weight: 1, arbitrary: largeBody }] : []),
      ),
      chunk: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.integer({ min: 16, max: 9999 })),
      signedAs: takesBody
        ? fc.oneof(fc.constant(''), fc.constantFrom('one', 'two', 'three'), fc.uuid())
        : fc.constant(''),
    })
    .map(({ host: name, headers: others, ...request }) => ({
      ...request,
      headers: [
        ['host', name],
        ...others,
        ...(takesBody ? [['content-type', 'application/json'] as const] : []),
      ],
    }));
}

/** The bytes of a request. */
export function bytesOf(request: HostileRequest): Buffer {
  const { method, origin, path: target, query: search, body: bytes, chunk, signedAs } = request;
  const signature = signedAs === '' ? {} : signatureHeaders(bytes, { id: signedAs });
  const ofBody =
    chunk > 0 ? { 'transfer-encoding': 'chunked' } : { 'content-length': String(bytes.length) };
  // If two lines have the same name, the first counts.
  const lines = [...request.headers, ...Object.entries(signature), ...Object.entries(ofBody)];
  const head = Buffer.from(
    [
      `${method} ${origin}${target}${search} HTTP/1.1`,
      ...lines.map(([name, value]) => `${name}: ${value}`),
      '\r\n',
    ].join('\r\n'),
    'latin1',
  );
  return Buffer.concat([head, ...(chunk > 0 ? chunks(bytes, chunk) : [bytes])]);
}

function chunks(bytes: Buffer, size: number): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    const piece = bytes.subarray(at, at + size);
    pieces.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'));
  }
  return [...pieces, Buffer.from('0\r\n\r\n')];
}
