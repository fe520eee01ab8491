/** The longest that a partner is left alone, whatever it asks for. */
export const MAX_RETRY_AFTER_MS = 300_000;

/**
 * Milliseconds that a `Retry-After` header asks to wait (RFC 9110, section 10.2.3): seconds or a date, five
 * minutes at most.
 *
 * @returns `undefined` when there is none, or none that can be understood.
 */
export function retryAfterMs(headers: Headers): number | undefined {
  const value = headers.get('retry-after')?.trim() ?? '';
  if (/^\d{1,9}$/.test(value)) {
    return Math.min(Number(value) * 1000, MAX_RETRY_AFTER_MS);
  }
  // A number that is no whole one would pass for a date.
  const date = /^[a-z]/i.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date)
    ? undefined
    : Math.min(Math.max(0, date - Date.now()), MAX_RETRY_AFTER_MS);
}
