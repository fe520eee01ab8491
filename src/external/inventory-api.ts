import { parseJson } from '../http/parse-json.js';
import { ResponseTooLargeError } from '../http/partner-error.js';
import { partnerRequest } from '../http/partner-fetch.js';
import { retryAfterMs } from '../http/retry-after.js';
import type { TraceContext } from '../http/trace-context.js';
import { loopClock } from '../resilience/loop-clock.js';
import { InventoryError } from './inventory-error.js';
import { readStock, type Stock } from './stock.js';

const MAX_RESPONSE_BYTES = 16 * 1024;
/** Removes a byte order mark, which JSON.parse rejects. */
const utf8 = new TextDecoder();
/** Statuses of a partner or its proxy while one of them is overloaded or restarts. */
const TRANSIENT_STATUSES = new Set([429, 502, 503, 504]);

/** Hints for the operator when the inventory rejects this service. */
const REMEDIES = new Map([
  [401, ': check that the token of OAUTH_TOKEN_URL is valid at INVENTORY_API_URL'],
  [403, ': check OAUTH_SCOPE'],
  [431, ': check whether the access token is too large'],
]);

/** The product whose stock is requested. */
export interface StockQuery {
  readonly sku: string;
  /** Passed on to the inventory. */
  readonly trace?: TraceContext | undefined;
}

/** One request to the inventory. */
export interface StockRequest extends StockQuery {
  readonly token: string;
  /** Timeout in milliseconds, including the response. */
  readonly timeoutMs: number;
}

/**
 * Sends one request to the inventory: `GET {url}/products/{sku}/availability`.
 *
 * @returns undefined when the inventory does not know the sku.
 * @throws InventoryError when there is no usable response.
 */
export async function requestStock(
  url: string,
  { sku, trace, token, timeoutMs }: StockRequest,
): Promise<Stock | undefined> {
  // Dot segments change the path, even when they are percent-encoded (RFC 3986, section 5.2.4).
  if (sku === '.' || sku === '..') {
    return undefined;
  }
  const response = await loopClock
    .withAbortSignal(timeoutMs, (signal) =>
      partnerRequest(`${url}/products/${encodeURIComponent(sku)}/availability`, {
        headers: { Accept: 'application/json', Authorization: `Bearer ${token}`, ...trace },
        signal,
        maxBytes: MAX_RESPONSE_BYTES,
      }),
    )
    .catch((error: unknown) => {
      throw requestError(error);
    });
  const { status } = response;
  // An HTML page comes from a proxy that does not know the inventory.
  if (status === 404 && response.headers.get('content-type')?.startsWith('text/html') !== true) {
    return undefined;
  }
  if (status !== 200) {
    const remedy = REMEDIES.get(status) ?? '';
    throw new InventoryError(`The inventory responds with status ${status}${remedy}.`, {
      status,
      transient: TRANSIENT_STATUSES.has(status),
      countsAsFailure: status >= 500 || status < 400 || status === 404 || status === 429,
      retryAfterMs: retryAfterMs(response.headers),
    });
  }
  const stock = readStock(parseJson(utf8.decode(response.body)), sku);
  if (stock === undefined) {
    throw new InventoryError('The response of the inventory is not the stock of this sku.');
  }
  return stock;
}

function requestError(error: unknown): InventoryError {
  const { message } = error as Error;
  return new InventoryError(`The request to the inventory failed: ${message}.`, {
    transient: !(error instanceof ResponseTooLargeError),
  });
}
