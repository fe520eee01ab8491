import { ResponseTooLargeError } from '../http/partner-error.js';
import { partnerRequest, type PartnerResponse } from '../http/partner-fetch.js';
import { retryAfterMs } from '../http/retry-after.js';
import type { TraceContext } from '../http/trace-context.js';
import { loopClock } from '../resilience/loop-clock.js';
import { InventoryError } from './inventory-error.js';
import { readStock, type Stock } from './stock.js';

const MAX_ANSWER_BYTES = 16 * 1024;
/** Drops a byte order mark, which JSON.parse refuses. */
const utf8 = new TextDecoder();
/** Answers of a partner, or of what stands in front of it, that is overloaded or being restarted. */
const TRANSIENT_STATUSES = new Set([429, 502, 503, 504]);

/** What the operator has to look at when it is this service that the inventory does not take. */
const REFUSALS = new Map([
  [401, ': it does not take the token, and both partners have to belong together'],
  [403, ': check OAUTH_SCOPE'],
]);

/** What a question is about, and on whose behalf it is asked. */
export interface StockQuery {
  readonly sku: string;
  readonly trace?: TraceContext | undefined;
}

/** One question to the inventory. */
export interface StockRequest extends StockQuery {
  readonly token: string;
  readonly timeoutMs: number;
}

/**
 * Asks the inventory once: `GET {url}/products/{sku}/availability`.
 *
 * @returns what it has of the product; undefined when it does not know the sku.
 * @throws InventoryError when it does not answer, or with something else.
 */
export async function askInventory(
  url: string,
  { sku, trace, token, timeoutMs }: StockRequest,
): Promise<Stock | undefined> {
  // As a part of a path they lead elsewhere, however they are encoded (RFC 3986, section 5.2.4).
  if (sku === '.' || sku === '..') {
    return undefined;
  }
  const response = await loopClock
    .withAbortSignal(timeoutMs, (signal) =>
      partnerRequest(`${url}/products/${encodeURIComponent(sku)}/availability`, {
        headers: { Accept: 'application/json', Authorization: `Bearer ${token}`, ...trace },
        signal,
        maxBytes: MAX_ANSWER_BYTES,
      }),
    )
    .catch((error: unknown) => {
      throw connectionError(error);
    });
  const { status } = response;
  // A page for people is of something in between, which does not know the inventory.
  if (status === 404 && response.headers.get('content-type')?.startsWith('text/html') !== true) {
    return undefined;
  }
  if (status !== 200) {
    const advice = REFUSALS.get(status) ?? '';
    throw new InventoryError(`The inventory answers with status ${status}${advice}.`, {
      status,
      transient: TRANSIENT_STATUSES.has(status),
      counts: status >= 500 || status < 400 || status === 404 || status === 429,
      retryAfterMs: retryAfterMs(response.headers),
    });
  }
  const stock = readStock(json(response), sku);
  if (stock === undefined) {
    throw new InventoryError('The inventory answers with something that is no stock of this sku.');
  }
  return stock;
}

function json({ body }: PartnerResponse): unknown {
  try {
    return JSON.parse(utf8.decode(body));
  } catch {
    return undefined;
  }
}

function connectionError(error: unknown): InventoryError {
  const { message } = error as Error;
  return new InventoryError(`The request to the inventory failed: ${message}.`, {
    transient: !(error instanceof ResponseTooLargeError),
  });
}
