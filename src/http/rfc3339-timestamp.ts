const RFC_3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$/;
/** Leap seconds are inserted at the end of a month in UTC, so the second after one begins a month. */
const FIRST_SECOND_OF_A_MONTH = '-01T00:00:00.';

/**
 * Parses an RFC 3339 timestamp, truncated to milliseconds. A leap second becomes the second after it, because `Date` has
 * no leap seconds.
 *
 * @returns undefined when the text is not a valid timestamp.
 */
export function readTimestamp(text: string): Date | undefined {
  const [, year, month, day, , second] = RFC_3339.exec(text) ?? [];
  // Day 0 of the next month is the last day of this month.
  const days = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  const moment = new Date(text.toUpperCase().replace(/:60(?=[.Z+-])/, ':59'));
  if (!(Number(day) >= 1 && Number(day) <= days) || Number.isNaN(moment.getTime())) {
    return undefined;
  }
  if (second === '60') {
    moment.setTime(moment.getTime() + 1000);
    return moment.toISOString().includes(FIRST_SECOND_OF_A_MONTH) ? moment : undefined;
  }
  return moment;
}
