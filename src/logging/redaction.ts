import type { Environment } from '../config/environment.js';
import { parsePostgresUrl } from '../config/postgres-url.js';

/** A shorter secret would match in ordinary words. */
const MIN_SECRET = 6;

/** Forms of secrets, with their replacements. */
const PATTERNS: readonly [RegExp, string][] = [
  [/\bwhsec_[\w+/=-]+/g, 'whsec_[redacted]'],
  [/\bv1a?,[\w+/=]+/g, 'v1,[redacted]'],
  [/\b(bearer|basic)( +|%20)[^\s"]{8,}/gi, '$1 [redacted]'],
  [
    /\b(\w*(?:secret|token|password|api[-_]?key))(["']?\s*[:=]\s*["']?)[^\s"'&;,}]+/gi,
    '$1$2[redacted]',
  ],
  [/(:\/\/[^\s/:@"]*:)[^\s"]+@/g, '$1[redacted]@'],
];

/** Creates a function that redacts the secrets of this environment, and everything in the form of a secret. */
export function redaction(environment: Partial<Environment>): (text: string) => string {
  const secrets = secretsOf(environment);
  // Few texts contain a secret: one test is enough for the others.
  const suspicious = new RegExp(
    [...secrets.map(escape), ...PATTERNS.map(([{ source }]) => source)].join('|'),
    'i',
  );
  return (text) => {
    if (!suspicious.test(text)) {
      return text;
    }
    const known = secrets.reduce((rest, secret) => rest.replaceAll(secret, '[redacted]'), text);
    return PATTERNS.reduce(
      (rest, [pattern, replacement]) => rest.replace(pattern, replacement),
      known,
    );
  };
}

function secretsOf({
  DATABASE_URL,
  MIGRATION_DATABASE_URL,
  REDIS_URL,
  OAUTH_CLIENT_SECRET,
  WEBHOOK_SECRETS = [],
  METRICS_TOKEN,
}: Partial<Environment>): string[] {
  const passwords = [REDIS_URL].flatMap((url) => {
    const { password = '' } = url === undefined ? {} : new URL(url);
    return [password, decodeURIComponent(password)];
  });
  for (const url of [DATABASE_URL, MIGRATION_DATABASE_URL]) {
    const { password = '' } = url === undefined ? {} : parsePostgresUrl(url);
    passwords.push(password, encodeURIComponent(password));
  }
  const keys = WEBHOOK_SECRETS.map((secret) => secret.replace(/^whsec_/, ''));
  return [...passwords, ...keys, OAUTH_CLIENT_SECRET, METRICS_TOKEN].filter(
    (secret) => secret !== undefined && secret.length >= MIN_SECRET,
  ) as string[];
}

function escape(text: string): string {
  return text.replace(/[$()*+.?[\\\]^{|}]/g, '\\$&');
}
