import { brotliDecompressSync, unzipSync } from 'node:zlib';
import { Agent, type Dispatcher } from 'undici';

import { RELEASE } from '../release.js';

/** Connections to a partner at a time. Further requests wait for one of them. */
export const MAX_CONNECTIONS = 50;
/** Shorter than any breaker's pause, so that the request that ends the pause gets a new connection. */
const CONNECT_TIMEOUT_MS = 3000;
/** Statuses whose responses have no body. */
const BODILESS = new Set([204, 205, 304]);

const DECOMPRESSORS = new Map([
  ['gzip', unzipSync],
  ['x-gzip', unzipSync],
  ['deflate', unzipSync],
  ['br', brotliDecompressSync],
]);

const agent = new Agent({
  connections: MAX_CONNECTIONS,
  connectTimeout: CONNECT_TIMEOUT_MS,
  // Each request has a signal instead.
  headersTimeout: 0,
  bodyTimeout: 0,
});

/** A request to a partner, and what bounds it. */
export interface PartnerRequest {
  /** Default GET. */
  readonly method?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | URLSearchParams;
  /** Ends the request, the reading of its body included. */
  readonly signal: AbortSignal;
  /** Bytes that the body of the response may have, after decompression. */
  readonly maxBytes: number;
}

type RawHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** A response that has been read to its end. */
export class PartnerResponse {
  constructor(
    readonly status: number,
    private readonly rawHeaders: RawHeaders,
    readonly body: Buffer,
  ) {}

  /** Made when needed: most responses are used without. */
  get headers(): Headers {
    const headers = new Headers();
    for (const [name, values = []] of Object.entries(this.rawHeaders)) {
      for (const value of [values].flat()) headers.append(name, value);
    }
    return headers;
  }
}

/** A body larger than it has any reason to be. */
export class OversizedAnswerError extends Error {
  override readonly name = OversizedAnswerError.name;

  constructor(maxBytes: number) {
    super(`More than ${maxBytes} bytes.`);
  }
}

/**
 * Sends a request to a partner over a kept-alive connection and reads all of the response. Node's own fetch does the
 * same at several times the cost. A redirect is not followed but returned: a partner's token goes to the partner's
 * address only.
 *
 * @throws OversizedAnswerError when the body is larger than `maxBytes`.
 * @throws Error, with the reason as its cause, when the connection fails.
 * @throws the signal's reason when it aborts.
 */
export async function partnerRequest(
  url: string,
  { method = 'GET', headers, body = '', signal, maxBytes }: PartnerRequest,
): Promise<PartnerResponse> {
  const { origin, pathname, search } = new URL(url);
  const response = await dispatch(
    {
      origin,
      path: pathname + search,
      method,
      headers: {
        'user-agent': `${RELEASE.name}/${RELEASE.version}`,
        // Responses are small. What is compressed all the same is decompressed.
        'accept-encoding': 'identity',
        ...headers,
      },
      body: String(body),
    },
    signal,
    maxBytes,
  );
  return new PartnerResponse(response.status, response.headers, decompress(response, maxBytes));
}

/** {@link partnerRequest} for callers that want a response of the Fetch API. */
export async function partnerFetch(url: string, request: PartnerRequest): Promise<Response> {
  const { status, headers, body } = await partnerRequest(url, request);
  return new Response(BODILESS.has(status) ? null : body, { status, headers });
}

interface RawResponse {
  readonly status: number;
  readonly headers: RawHeaders;
  readonly body: Buffer;
}

function dispatch(
  options: Dispatcher.DispatchOptions,
  signal: AbortSignal,
  maxBytes: number,
): Promise<RawResponse> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    let started: Dispatcher.DispatchController | undefined;
    let head: Omit<RawResponse, 'body'>;
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (): void => {
      signal.removeEventListener('abort', abort);
    };
    const fail = (error: Error): void => {
      settle();
      reject(error);
      started?.abort(error);
    };
    const abort = (): void => {
      fail(signal.reason as Error);
    };
    signal.addEventListener('abort', abort);
    agent.dispatch(options, {
      onRequestStart: (controller) => {
        // A request that was given up while it waited for a connection is not sent.
        signal.throwIfAborted();
        started = controller;
      },
      onResponseStart: (_controller, status, headers) => {
        head = { status, headers };
      },
      onResponseData: (_controller, chunk) => {
        size += chunk.length;
        chunks.push(chunk);
        if (size > maxBytes) fail(new OversizedAnswerError(maxBytes));
      },
      onResponseEnd: () => {
        settle();
        resolve({ ...head, body: Buffer.concat(chunks, size) });
      },
      onResponseError: (_controller, cause) => {
        settle();
        reject(new Error('The connection to the partner failed.', { cause }));
      },
    });
  });
}

/** @throws as {@link partnerRequest}; a body that is cut off is a connection that failed. */
function decompress({ headers, body }: RawResponse, maxBytes: number): Buffer {
  const encoding = String(headers['content-encoding']).toLowerCase();
  const decompressor = DECOMPRESSORS.get(encoding);
  if (decompressor === undefined || body.length === 0) {
    return body;
  }
  try {
    return decompressor(body, { maxOutputLength: maxBytes });
  } catch (cause) {
    throw (cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
      ? new OversizedAnswerError(maxBytes)
      : new Error(`The body is no ${encoding}.`, { cause });
  }
}
