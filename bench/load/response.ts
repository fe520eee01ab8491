/** A complete HTTP response. Valid only until the next read from any connection, because all share one buffer. */
export interface LoadResponse {
  readonly status: number;
  /** Status line and header lines. */
  readonly head: string;
  readonly body: Buffer;
  /** Whether the server closes the connection after it. */
  readonly closes: boolean;
  /** Bytes of the whole response. */
  readonly length: number;
}

const END_OF_HEAD = '\r\n\r\n';
const STATUS_AT = 'HTTP/1.1 '.length;

/**
 * Parses the response at the start of `bytes`. It reads only what a load needs, because the sender shares its cores
 * with the service that it measures.
 *
 * @returns undefined while the response is incomplete; a fault when the response has no content-length.
 */
export function parseResponse(bytes: Buffer): LoadResponse | string | undefined {
  const endOfHead = bytes.indexOf(END_OF_HEAD);
  if (endOfHead === -1) return undefined;
  const head = bytes.toString('latin1', 0, endOfHead + END_OF_HEAD.length);
  const status = Number(head.slice(STATUS_AT, STATUS_AT + 3));
  const hasBody = status !== 204 && status !== 304;
  const bodyLength = hasBody ? Number(/\ncontent-length: *(\d+)/i.exec(head)?.[1]) : 0;
  if (Number.isNaN(bodyLength)) return `status ${status} without content-length`;
  const length = head.length + bodyLength;
  if (bytes.length < length) return undefined;
  const closes = /\nconnection: *close/i.test(head);
  return { status, head, body: bytes.subarray(head.length, length), closes, length };
}

/** Whether the request succeeded: 2xx or 304. */
export function isAccepted({ status }: LoadResponse): boolean {
  return (status >= 200 && status < 300) || status === 304;
}
