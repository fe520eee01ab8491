import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** Any JSON value. */
export type Json =
  string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** A request body that is too long or not a JSON object, and the status to respond with. */
export class BadBodyError extends Error {
  constructor(
    readonly status: 400 | 413,
    message: string,
  ) {
    super(message);
  }
}

/** Sends a JSON response. */
export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: OutgoingHttpHeaders = {},
): void {
  const text = Buffer.from(JSON.stringify(body));
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': text.length,
    ...headers,
  });
  response.end(text);
}

/**
 * Reads a request body as a JSON object. The content type may be missing or another one.
 *
 * @param fallback the value of an empty body; without it an empty body is an error
 * @throws BadBodyError
 */
export async function readJsonObject(
  request: IncomingMessage,
  maxBytes: number,
  fallback?: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // destroyOnReturn would close the connection before the 413 is sent.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    const buffer = chunk as Buffer;
    bytes += buffer.length;
    if (bytes > maxBytes) throw new BadBodyError(413, `The body is longer than ${maxBytes} bytes`);
    chunks.push(buffer);
  }
  if (bytes === 0 && fallback !== undefined) return fallback;
  const value = parse(Buffer.concat(chunks).toString());
  if (!isJsonObject(value)) throw new BadBodyError(400, 'The body must be a JSON object');
  return value;
}

/** Whether a value is a JSON object, not an array or null. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
