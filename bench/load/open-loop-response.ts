/** What a load generator needs to know about a response. */
export interface ParsedResponse {
  readonly status: number;
  readonly hasRetryAfter: boolean;
  /** The problem type of an error; undefined when there is none. */
  readonly problem: string | undefined;
  /** Whether the server closes the connection after it. */
  readonly closes: boolean;
  /** Bytes of the whole response. */
  readonly length: number;
}

const END_OF_HEAD = Buffer.from('\r\n\r\n');
const STATUS_AT = 'HTTP/1.1 '.length;
const FIRST_ERROR = 400;

/**
 * Parses the response at the start of `bytes`. It reads only what a load generator needs, because the generator shares
 * its cores with the service that it measures.
 *
 * @returns undefined while the response is incomplete.
 * @throws Error when the response has no content-length.
 */
export function parseResponse(bytes: Buffer): ParsedResponse | undefined {
  const endOfHead = bytes.indexOf(END_OF_HEAD);
  if (endOfHead === -1) return undefined;
  const head = bytes.toString('latin1', 0, endOfHead + END_OF_HEAD.length);
  const status = Number(head.slice(STATUS_AT, STATUS_AT + 3));
  const bodyLength = hasNoBody(status) ? 0 : Number(/\ncontent-length: *(\d+)/i.exec(head)?.[1]);
  if (Number.isNaN(bodyLength)) throw new Error(`status ${status} without content-length`);
  const length = head.length + bodyLength;
  if (bytes.length < length) return undefined;
  const isError = status >= FIRST_ERROR;
  return {
    status,
    hasRetryAfter: isError && /\nretry-after: *\d/i.test(head),
    problem: isError ? problemOf(bytes.toString('latin1', head.length, length)) : undefined,
    closes: /\nconnection: *close/i.test(head),
    length,
  };
}

function hasNoBody(status: number): boolean {
  return status === 204 || status === 304;
}

function problemOf(body: string): string | undefined {
  return /urn:problem-type:[\w-]+:([\w-]+)/.exec(body)?.[1];
}
