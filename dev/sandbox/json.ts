import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** Whatever JSON can say. */
export type Json =
  string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** Says why a request has no body that can be read, and the status that tells the sender so. */
export class BadBodyError extends Error {
  constructor(
    readonly status: 400 | 413,
    message: string,
  ) {
    super(message);
  }
}

/** Answers with JSON. */
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
 * Reads the JSON object that is a request's body, whatever content type it claims.
 *
 * @param unsaid stands for a body that is empty; without it there has to be one
 */
export async function readJsonObject(
  request: IncomingMessage,
  maxBytes: number,
  unsaid?: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Leaving the loop must not cut the connection that the refusal is to go over.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    const buffer = chunk as Buffer;
    bytes += buffer.length;
    if (bytes > maxBytes) throw new BadBodyError(413, `The body is over ${maxBytes} bytes`);
    chunks.push(buffer);
  }
  if (bytes === 0 && unsaid !== undefined) return unsaid;
  const value = parse(Buffer.concat(chunks).toString());
  if (!isJsonObject(value)) throw new BadBodyError(400, 'The body has to be a JSON object');
  return value;
}

/** Whether a value that JSON gave is an object, and no array. */
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
