/** Longest delay that a `Retry-After` header can cause, in milliseconds. */
export const MAX_RETRY_AFTER_MS = 300_000;

/**
 * Reads a `Retry-After` header, which has seconds or a date (RFC 9110, section 10.2.3).
 *
 * @returns milliseconds to wait, at most five minutes; undefined without a valid header.
 */
export function retryAfterMs(headers: Headers): number | undefined {
  const value = headers.get('retry-after')?.trim() ?? '';
  if (/^\d{1,9}$/.test(value)) {
    return Math.min(Number(value) * 1000, MAX_RETRY_AFTER_MS);
  }
  // `Date.parse` accepts numbers such as 1.5 as dates.
  const date = /^[a-z]/i.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date)
    ? undefined
    : Math.min(Math.max(0, date - Date.now()), MAX_RETRY_AFTER_MS);
}
