const RFC_3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$/;

/** The moment that a text names as RFC 3339 has it; undefined when it names none. Leap seconds are not known here. */
export function readTimestamp(text: string): Date | undefined {
  const [, year, month, day] = RFC_3339.exec(text) ?? [];
  // Day 0 of the next month is the last of this one.
  const days = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  const moment = new Date(text.toUpperCase());
  return Number(day) >= 1 && Number(day) <= days && !Number.isNaN(moment.getTime())
    ? moment
    : undefined;
}
