import { brotliDecompressSync, unzipSync } from 'node:zlib';
import { Agent, type Dispatcher } from 'undici';

import { RELEASE } from '../release.js';
import { describeNetworkError } from '../resilience/network-error.js';
import { PartnerError, ResponseTooLargeError } from './partner-error.js';

/** Concurrent connections to a partner. Further requests wait for one of them. */
export const MAX_CONNECTIONS = 50;
/** Shorter than the reset timeout of a breaker, so that the trial request gets a new connection. Milliseconds. */
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
  // The signal of each request bounds its time.
  headersTimeout: 0,
  bodyTimeout: 0,
});

/** A request to a partner and its limits. */
export interface PartnerRequest {
  /** Default GET. */
  readonly method?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | URLSearchParams;
  /** Aborts the request, also while its response is read. */
  readonly signal: AbortSignal;
  /** Maximum size of the response body after decompression. */
  readonly maxBytes: number;
}

type RawHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** A response with its complete body. */
export class PartnerResponse {
  constructor(
    readonly status: number,
    private readonly rawHeaders: RawHeaders,
    readonly body: Buffer,
  ) {}

  /** Created on access, because most callers do not need it. */
  get headers(): Headers {
    const headers = new Headers();
    for (const [name, values = []] of Object.entries(this.rawHeaders)) {
      for (const value of [values].flat()) headers.append(name, value);
    }
    return headers;
  }
}

/**
 * Sends a request to a partner over a kept-alive connection and reads the complete response, at a fraction of the cost of
 * Node's fetch. It returns a redirect instead of following it, because the token is for the partner's address only.
 *
 * @throws ResponseTooLargeError when the body is larger than `maxBytes`.
 * @throws PartnerError when the connection fails or the response is not valid HTTP.
 * @throws the reason of the signal when it aborts.
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
        // Responses are too small to compress. A partner may compress them nevertheless.
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

/** {@link partnerRequest} with a response of the Fetch API. */
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
        // Does not send a request that was aborted while it waited for a connection.
        signal.throwIfAborted();
        started = controller;
      },
      onResponseStart: (_controller, status, headers) => {
        head = { status, headers };
      },
      onResponseData: (_controller, chunk) => {
        size += chunk.length;
        chunks.push(chunk);
        if (size > maxBytes) fail(new ResponseTooLargeError(maxBytes));
      },
      onResponseEnd: () => {
        settle();
        resolve({ ...head, body: Buffer.concat(chunks, size) });
      },
      onResponseError: (_controller, cause) => {
        settle();
        reject(new PartnerError(describeNetworkError(cause), { cause }));
      },
    });
  });
}

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
      ? new ResponseTooLargeError(maxBytes)
      : new PartnerError(`the body is not valid ${encoding}`, { cause });
  }
}
