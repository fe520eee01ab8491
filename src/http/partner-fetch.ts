import { RELEASE } from '../release.js';

/** Statuses whose answers have no body. */
const BODILESS = new Set([204, 205, 304]);

/** A request to a partner, and what bounds it. */
export interface PartnerRequest extends RequestInit {
  /** Ends the request, the reading of its body included. */
  readonly signal: AbortSignal;
  /** Bytes that the body of the answer may have, after decompression. */
  readonly maxBytes: number;
}

/** An answer with a body larger than it has any reason to be. */
export class OversizedAnswerError extends Error {
  override readonly name = OversizedAnswerError.name;
}

/**
 * Asks a partner over a kept-alive connection and reads all of the answer. A redirect is not followed
 * but given back as it is: a partner's token goes to the partner's address only.
 *
 * @throws OversizedAnswerError when the body is larger than `maxBytes`.
 * @throws TypeError, with the reason as its cause, when the connection fails.
 * @throws the signal's reason when it aborts.
 */
export async function partnerFetch(
  url: string,
  { maxBytes, headers, ...init }: PartnerRequest,
): Promise<Response> {
  const response = await fetch(url, {
    ...init,
    headers: {
      'User-Agent': `${RELEASE.name}/${RELEASE.version}`,
      ...Object.fromEntries(new Headers(headers)),
    },
    redirect: 'manual',
  });
  const { status, statusText } = response;
  const body = await read(response, maxBytes);
  return new Response(BODILESS.has(status) ? null : body, {
    status,
    statusText,
    headers: response.headers,
  });
}

async function read({ body }: Response, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop cancels what is still on its way.
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > maxBytes) {
      throw new OversizedAnswerError(`More than ${maxBytes} bytes.`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
