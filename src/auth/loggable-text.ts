const MAX_LENGTH = 300;

/** Prepares a text of a provider for a log: masks the secrets, joins the lines and limits the length to 300 characters. */
export function loggableText(text: string, secrets: readonly string[]): string {
  // Masks first, because a secret that is truncated or has other spaces no longer matches.
  const line = mask(text, secrets)
    .replace(/[\p{C}\p{Z}]+/gu, ' ')
    .trim();
  return line.length > MAX_LENGTH ? `${line.slice(0, MAX_LENGTH).toWellFormed()}…` : line;
}

/** Ignores case, because a provider may change the case of percent-encoding and host names. */
function mask(text: string, secrets: readonly string[]): string {
  // Tries the longest secret first, because it may contain a shorter one.
  const longestFirst = secrets.toSorted((a, b) => b.length - a.length);
  return secrets.length === 0
    ? text
    : text.replace(new RegExp(longestFirst.map(literal).join('|'), 'giu'), '[redacted]');
}

/** A pattern that matches this text only. */
function literal(text: string): string {
  return Array.from(text, (char) => `\\u{${char.codePointAt(0)?.toString(16) ?? ''}}`).join('');
}
