import { Problem, validationFailed } from '../problems/problem.js';

const ENCODED = /[%+]/;

/** The encoded query of a request. A pipe decodes it, so that invalid encoding results in a problem. */
export interface QueryString {
  readonly encoded: string;
}

/**
 * Decodes a query string strictly, where libraries accept invalid input.
 *
 * @param known the parameter names of the resource.
 * @throws Problem `malformed-request` for text that is not percent-encoded UTF-8.
 * @throws Problem `validation-failed` for a parameter that is unknown, repeated, empty or contains a NUL character.
 */
export function decodeQuery(
  { encoded }: QueryString,
  known: readonly string[],
): Record<string, string> {
  const values: Record<string, string> = {};
  for (const pair of encoded.split('&')) {
    if (pair === '') {
      continue;
    }
    const equals = pair.includes('=') ? pair.indexOf('=') : pair.length;
    const name = decode(pair.slice(0, equals), 'A parameter name');
    const parameter = shorten(name);
    const value = decode(pair.slice(equals + 1), `The parameter ${parameter}`);
    if (!known.includes(name)) {
      throw validationFailed({ parameter, message: 'is not a parameter of this resource' });
    }
    if (name in values) {
      throw validationFailed({ parameter, message: 'must not be repeated' });
    }
    if (value === '') {
      throw validationFailed({ parameter, message: 'must not be empty; leave it out instead' });
    }
    if (value.includes('\0')) {
      throw validationFailed({ parameter, message: 'must not contain a NUL character' });
    }
    values[name] = value;
  }
  return values;
}

function decode(text: string, subject: string): string {
  if (!ENCODED.test(text)) {
    return text;
  }
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch (cause) {
    throw new Problem('malformed-request', `${subject} is not percent-encoded UTF-8.`, { cause });
  }
}

/** Limits the length of an unknown name, because the response repeats it. */
function shorten(name: string): string {
  return name.length <= 50 ? name : `${name.slice(0, 49)}…`;
}
