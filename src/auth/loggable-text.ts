const MAX_LENGTH = 300;

/** Prepares a provider's text for a log: masks the secrets, joins the lines and limits the length. */
export function loggableText(text: string, secrets: readonly string[]): string {
  // Masks first: a cut or a changed space inside a secret would hide the rest of it from the search.
  const line = mask(text, secrets)
    .replace(/[\p{C}\p{Z}]+/gu, ' ')
    .trim();
  return line.length > MAX_LENGTH ? `${line.slice(0, MAX_LENGTH).toWellFormed()}…` : line;
}

/** Ignores case, because percent-encoding and host names may come back in another one. */
function mask(text: string, secrets: readonly string[]): string {
  // The longest first: a shorter secret may be a part of it.
  const longestFirst = secrets.toSorted((a, b) => b.length - a.length);
  return secrets.length === 0
    ? text
    : text.replace(new RegExp(longestFirst.map(literal).join('|'), 'giu'), '[redacted]');
}

/** A pattern that matches this text only. */
function literal(text: string): string {
  return Array.from(text, (char) => `\\u{${char.codePointAt(0)?.toString(16) ?? ''}}`).join('');
}
